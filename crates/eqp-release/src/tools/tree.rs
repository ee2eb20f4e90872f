//! The files of an installed code sniffer: their hash, and where phpcs and its standards are.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};
use eqp_check::CodeSniffer;
use serde_json::Value;

use super::error::ToolError;

/// The maximum number of files. The standard with its dependencies has about 10,000.
const MAX_FILES: usize = 100_000;
const CHUNK_BYTES: usize = 256 * 1024;
/// The maximum size of composer.json of the standard, in bytes.
const MAX_COMPOSER_BYTES: u64 = 1024 * 1024;
/// phpcs, from the folder of the installation.
const PHPCS: &str = "vendor/squizlabs/php_codesniffer/bin/phpcs";
/// The standard as a dependency, and as the root package after `composer create-project`.
const STANDARDS: [&str; 2] = ["vendor/magento/magento-coding-standard", "."];
/// Further standards that it refers to, which an older version does not have.
const REFERENCED: [&str; 3] = [
    "vendor/magento/php-compatibility-fork/PHPCompatibility",
    "vendor/phpcompatibility/php-compatibility/PHPCompatibility",
    "vendor/phpcsstandards/phpcsutils",
];

/// The parts of an installed code sniffer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Layout {
    phpcs: PathBuf,
    standard: PathBuf,
    referenced: Vec<PathBuf>,
}

impl Layout {
    /// Finds the parts in a folder, or in the only folder below it.
    pub(super) fn find(tree: &Path) -> Result<Self, ToolError> {
        let nested = fs::read_dir(tree).ok().and_then(|entries| match &entries.flatten().collect::<Vec<_>>()[..] {
            [only] if only.path().is_dir() => Some(only.path()),
            _ => None,
        });
        let root = nested.as_deref().unwrap_or(tree);
        let phpcs = root.join(PHPCS);
        let missing = |name: &str| ToolError::Layout { reason: format!("there is no {name}") };
        if !phpcs.is_file() {
            return Err(missing(PHPCS));
        }
        let standard = STANDARDS.iter().map(|folder| root.join(folder));
        let standard = standard.into_iter().find(|folder| folder.join("Magento2/ruleset.xml").is_file());
        let standard =
            standard.ok_or_else(|| missing("vendor/magento/magento-coding-standard/Magento2/ruleset.xml"))?;
        let referenced = REFERENCED.iter().map(|folder| root.join(folder)).filter(|folder| folder.is_dir()).collect();
        Ok(Self { phpcs, standard, referenced })
    }

    /// Returns the arguments of PHP that run phpcs with the standard. A setting in the files of phpcs is not needed.
    pub(super) fn arguments(&self) -> Vec<OsString> {
        let mut paths = self.standard.clone().into_os_string();
        for referenced in &self.referenced {
            paths.push(",");
            paths.push(referenced);
        }
        // The default limit in containers is too low for large packages. The time limit of the check applies.
        let [no_limit, value, set, key] =
            ["-d", "memory_limit=-1", "--runtime-set", "installed_paths"].map(OsString::from);
        vec![no_limit, value, self.phpcs.clone().into_os_string(), set, key, paths]
    }

    /// Returns the command of the code sniffer.
    pub(super) fn code_sniffer(&self, php: &Path) -> CodeSniffer {
        self.arguments().into_iter().fold(CodeSniffer::new(php), CodeSniffer::argument)
    }

    /// Returns the version in the composer.json of the standard.
    pub(super) fn version(&self) -> Option<String> {
        let mut text = String::new();
        File::open(self.standard.join("composer.json"))
            .ok()?
            .take(MAX_COMPOSER_BYTES)
            .read_to_string(&mut text)
            .ok()?;
        let version = serde_json::from_str::<Value>(&text).ok()?["version"].as_str()?.to_owned();
        // It is shown on terminals.
        let is_plain =
            version.len() <= 20 && version.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
        is_plain.then_some(version)
    }
}

/// Returns the SHA-256 of a file.
pub(super) fn hash_file(path: &Path) -> Result<String, ToolError> {
    // A device could have no end.
    if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        return Err(eqp_check::Error::NotAFile { path: path.to_owned() }.into());
    }
    let mut context = Context::new(&SHA256);
    let read = File::open(path).and_then(|file| add(file, &mut context));
    read.map_err(|source| eqp_check::Error::Read { path: path.to_owned(), source })?;
    Ok(hex(context))
}

fn add(mut file: File, context: &mut Context) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(()),
            read => context.update(&buffer[..read]),
        }
    }
}

fn hex(context: Context) -> String {
    let mut text = String::new();
    for byte in context.finish().as_ref() {
        // Writing to a `String` cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Returns the SHA-256 of all files of a folder with their paths, and the number of files. Links are an error.
pub(super) fn hash_tree(tree: &Path) -> Result<(String, usize), ToolError> {
    let mut files = Vec::new();
    let mut folders = vec![tree.to_owned()];
    let unreadable = |path: &Path, source| eqp_check::Error::Read { path: path.to_owned(), source };
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(|error| unreadable(&folder, error))? {
            let entry = entry.map_err(|error| unreadable(&folder, error))?;
            let path = entry.path();
            let kind = entry.file_type().map_err(|error| unreadable(&path, error))?;
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() && files.len() < MAX_FILES {
                files.push(path);
            } else {
                let reason = format!("{} is not a file, or there are too many", path.display());
                return Err(ToolError::Layout { reason });
            }
        }
    }
    files.sort_unstable();
    let mut whole = Context::new(&SHA256);
    for path in &files {
        let name = path.strip_prefix(tree).unwrap_or(path);
        // A digest of fixed length follows each name, so two trees with the same hash have the same names and contents.
        whole.update(name.as_os_str().as_encoded_bytes());
        whole.update(b"\0");
        whole.update(hash_file(path)?.as_bytes());
    }
    Ok((hex(whole), files.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_covers_names_and_contents_and_rejects_links() {
        let tree = tempfile::tempdir().unwrap();
        fs::create_dir_all(tree.path().join("a/b")).unwrap();
        fs::write(tree.path().join("a/b/c.php"), "one").unwrap();
        let (first, files) = hash_tree(tree.path()).unwrap();
        assert_eq!(files, 1);
        assert_eq!(hash_tree(tree.path()).unwrap().0, first);
        fs::write(tree.path().join("a/b/c.php"), "two").unwrap();
        assert_ne!(hash_tree(tree.path()).unwrap().0, first);
        fs::write(tree.path().join("a/b/c.php"), "one").unwrap();
        fs::write(tree.path().join("a/d.php"), "").unwrap();
        assert_ne!(hash_tree(tree.path()).unwrap().0, first);
        fs::remove_file(tree.path().join("a/d.php")).unwrap();
        fs::rename(tree.path().join("a/b/c.php"), tree.path().join("a/c.php")).unwrap();
        assert_ne!(hash_tree(tree.path()).unwrap().0, first);
        std::os::unix::fs::symlink("/etc/passwd", tree.path().join("link")).unwrap();
        hash_tree(tree.path()).unwrap_err();
    }
}
