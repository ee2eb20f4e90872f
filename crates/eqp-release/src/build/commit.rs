//! Reads the files of a tag's commit. The objects are read through a temporary repository that has no configuration, so that settings
//! such as `core.autocrlf`, filters and hooks of the clone have no influence: the content is that of the commit.

use std::collections::{BTreeSet, HashSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::error::BuildError;
use super::git::Git;
use super::tree::{Budget, Content, FileKind, TreeFile, folders_of, read_object};

/// The name of the file with attributes.
const ATTRIBUTES: &str = ".gitattributes";
/// The attribute that excludes files from archives.
const EXPORT_IGNORE: &str = "export-ignore";
/// The number of tags in an error.
const NEWEST_TAGS: &str = "--count=5";

/// The repository around a folder.
#[derive(Debug)]
pub(super) struct Repository {
    folder: PathBuf,
    /// The path of the folder from the top of the repository: empty, or with a trailing `/`.
    prefix: String,
    objects: PathBuf,
    object_format: String,
    is_shallow: bool,
}

impl Repository {
    /// Finds the repository around a folder. Returns `None` if there is none.
    pub(super) fn discover(git: &Git, folder: &Path) -> Result<Option<Self>, BuildError> {
        let arguments =
            ["rev-parse", "--show-prefix", "--is-shallow-repository", "--show-object-format", "--git-path", "objects"];
        let (output, ended) = git.output(git.in_folder(folder, &arguments), Vec::new())?;
        if !ended.status.success() {
            let is_none = ended.message.contains("not a git repository");
            return if is_none { Ok(None) } else { Err(ended.failed("rev-parse".to_owned())) };
        }
        let output = String::from_utf8_lossy(&output);
        let mut lines = output.lines();
        let mut next = || lines.next().unwrap_or_default().to_owned();
        let (prefix, shallow, object_format, objects) = (next(), next(), next(), next());
        Ok(Some(Self {
            folder: folder.to_owned(),
            prefix,
            objects: std::path::absolute(folder.join(objects)).map_err(BuildError::Scratch)?,
            object_format,
            is_shallow: shallow == "true",
        }))
    }

    /// Returns the ID of the commit of a tag.
    pub(super) fn commit_of(&self, git: &Git, tag: &str) -> Result<String, BuildError> {
        if is_tag_name(tag)
            && let Some(commit) = self.resolve(git, &format!("refs/tags/{tag}^{{commit}}"))?
        {
            return Ok(commit);
        }
        let arguments =
            ["for-each-ref", "--sort=-creatordate", "--format=%(refname:strip=2)", NEWEST_TAGS, "refs/tags"];
        let newest = git.run(git.in_folder(&self.folder, &arguments), Vec::new())?;
        let newest = String::from_utf8_lossy(&newest).lines().map(str::to_owned).collect();
        Err(BuildError::UnknownTag { tag: tag.to_owned(), is_shallow: self.is_shallow, newest })
    }

    /// Returns the ID of the object that a revision names, or `None` if there is none.
    pub(super) fn resolve(&self, git: &Git, revision: &str) -> Result<Option<String>, BuildError> {
        let arguments = ["rev-parse", "--verify", "--quiet", "--end-of-options", revision];
        let (output, ended) = git.output(git.in_folder(&self.folder, &arguments), Vec::new())?;
        let id = String::from_utf8_lossy(&output).trim().to_owned();
        Ok((ended.status.success() && !id.is_empty()).then_some(id))
    }

    /// Returns the files of the folder in a commit, and their reader.
    pub(super) fn files_of(&self, git: Git, tag: &str, commit: &str) -> Result<(Vec<TreeFile>, Objects), BuildError> {
        let objects = Objects::of(git, self)?;
        let listing = objects.run(&["ls-tree", "-r", "-z", "--full-tree", commit], Vec::new())?;
        let mut has_attributes = false;
        let mut files = Vec::new();
        for line in listing.split(|byte| *byte == 0).filter(|line| !line.is_empty()) {
            let (path, kind) = entry(line)?;
            has_attributes |= path == ATTRIBUTES.as_bytes() || path.ends_with(b"/.gitattributes");
            if let Some(path) = path.strip_prefix(self.prefix.as_bytes()) {
                files.push(TreeFile::new(path, kind));
            }
        }
        if files.is_empty() && !self.prefix.is_empty() {
            let folder = self.prefix.trim_end_matches('/').to_owned();
            return Err(BuildError::NotInTag { folder, tag: tag.to_owned() });
        }
        if has_attributes {
            objects.run(&["read-tree", commit], Vec::new())?;
            let ignored = |input| objects.run(&["check-attr", "--cached", "-z", "--stdin", EXPORT_IGNORE], input);
            mark_export_ignored(&mut files, &self.prefix, ignored)?;
        }
        Ok((files, objects))
    }
}

/// Parses a line of `git ls-tree -z`: mode, type and object ID, a tab, and the path.
fn entry(line: &[u8]) -> Result<(&[u8], FileKind), BuildError> {
    let malformed =
        || BuildError::Git { command: "ls-tree".to_owned(), message: "its output cannot be read".to_owned() };
    let tab = line.iter().position(|byte| *byte == b'\t').ok_or_else(malformed)?;
    let facts = std::str::from_utf8(&line[..tab]).map_err(|_| malformed())?;
    let mut facts = facts.split(' ');
    let (Some(mode), Some(_), Some(id)) = (facts.next(), facts.next(), facts.next()) else { return Err(malformed()) };
    let content = Content::Object(id.to_owned());
    let kind = match mode {
        "120000" => FileKind::Link(content),
        "160000" => FileKind::Submodule,
        mode => FileKind::File { content, is_executable: mode == "100755" },
    };
    Ok((&line[tab + 1..], kind))
}

/// Marks the files that `export-ignore` excludes, directly or because of one of their folders. `check` runs `git check-attr` with its input.
pub(super) fn mark_export_ignored(
    files: &mut [TreeFile],
    prefix: &str,
    check: impl FnOnce(Vec<u8>) -> Result<Vec<u8>, BuildError>,
) -> Result<(), BuildError> {
    let mut input = Vec::new();
    let paths = files.iter().filter(|file| file.is_utf8).map(|file| file.path.as_str());
    let names: BTreeSet<&str> = paths.flat_map(|path| folders_of(path).chain([path])).collect();
    for name in names {
        // Writing to memory cannot fail.
        let _ = write!(input, "{prefix}{name}\0");
    }
    let output = check(input)?;
    let mut fields = output.split(|byte| *byte == 0);
    let mut ignored = HashSet::new();
    while let (Some(path), Some(_), Some(value)) = (fields.next(), fields.next(), fields.next()) {
        if value == b"set"
            && let Some(path) = path.strip_prefix(prefix.as_bytes())
        {
            ignored.insert(path);
        }
    }
    for file in files {
        let mut names = folders_of(&file.path).chain([file.path.as_str()]);
        file.is_export_ignored = names.any(|name| ignored.contains(name.as_bytes()));
    }
    Ok(())
}

/// Returns whether the text can be the name of a tag. Other characters have a meaning in revisions.
fn is_tag_name(tag: &str) -> bool {
    !tag.is_empty()
        && !tag.contains("..")
        && !tag.contains("@{")
        && !tag.contains(|letter: char| letter.is_control() || " ~^:?*[\\".contains(letter))
}

/// The objects of a repository, read through a temporary repository without configuration.
#[derive(Debug)]
pub(super) struct Objects {
    git: Git,
    scratch: TempDir,
    /// The folder with the objects of the repository.
    database: PathBuf,
}

impl Objects {
    fn of(git: Git, repository: &Repository) -> Result<Self, BuildError> {
        let scratch = tempfile::tempdir().map_err(BuildError::Scratch)?;
        let folder = scratch.path();
        let configuration = match repository.object_format.as_str() {
            "sha1" => "[core]\n\trepositoryformatversion = 0\n\tbare = true\n".to_owned(),
            other => format!(
                "[core]\n\trepositoryformatversion = 1\n\tbare = true\n[extensions]\n\tobjectformat = {other}\n"
            ),
        };
        let created = ["objects", "refs"].iter().try_for_each(|name| std::fs::create_dir(folder.join(name)));
        created
            .and_then(|()| std::fs::write(folder.join("HEAD"), "ref: refs/heads/none\n"))
            .and_then(|()| std::fs::write(folder.join("config"), configuration))
            .map_err(BuildError::Scratch)?;
        Ok(Self { git, database: repository.objects.clone(), scratch })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let folder = self.scratch.path();
        let mut command = self.git.without_configuration(folder, arguments);
        command.env("GIT_DIR", folder).env("GIT_OBJECT_DIRECTORY", &self.database);
        command.env("GIT_INDEX_FILE", folder.join("index"));
        command
    }

    fn run(&self, arguments: &[&str], input: Vec<u8>) -> Result<Vec<u8>, BuildError> {
        self.git.run(self.command(arguments), input)
    }

    /// Returns the content of files, in their order.
    pub(super) fn contents(&self, files: &[(&str, &Content)], budget: &mut Budget) -> Result<Vec<Vec<u8>>, BuildError> {
        if files.is_empty() {
            return Ok(Vec::new());
        }
        let mut input = Vec::new();
        for (_, content) in files {
            let Content::Object(id) = content else { unreachable!("files of a commit are objects") };
            input.extend_from_slice(id.as_bytes());
            input.push(b'\n');
        }
        let command = self.command(&["cat-file", "--batch", "--buffer"]);
        let broken =
            |error: std::io::Error| BuildError::Git { command: "cat-file".to_owned(), message: error.to_string() };
        let (contents, ended) = self.git.stream(command, input, |output| {
            let read = |&(path, _): &(&str, &Content)| {
                if self.git.cancellation().is_cancelled() {
                    return Err(BuildError::Cancelled);
                }
                let content = read_object(output, path, budget).map_err(broken)?;
                content.unwrap_or_else(|| Err(BuildError::ContentMissing { path: path.to_owned() }))
            };
            files.iter().map(read).collect::<Result<Vec<_>, _>>()
        })?;
        if ended.status.success() { Ok(contents) } else { Err(ended.failed("cat-file".to_owned())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn revisions_are_not_names_of_tags() {
        for name in ["v1.5.0", "badges/v1.5.0", "1.5.0-beta1", "ünïcode"] {
            assert!(is_tag_name(name), "{name}");
        }
        for name in ["", "v1^{tree}", "a..b", "HEAD~1", "main@{1}", "a b", "v1:composer.json", "v*"] {
            assert!(!is_tag_name(name), "{name}");
        }
    }

    #[test]
    fn a_line_of_the_listing_has_mode_id_and_any_path() {
        let (path, kind) = entry(b"100755 blob 0123\ta b\xff").unwrap();
        assert_eq!(path, b"a b\xff");
        assert!(matches!(kind, FileKind::File { is_executable: true, content: Content::Object(id) } if id == "0123"));
        assert!(matches!(entry(b"120000 blob 0123\ta").unwrap().1, FileKind::Link(_)));
        assert!(matches!(entry(b"160000 commit 0123\ta").unwrap().1, FileKind::Submodule));
        assert!(entry(b"100644 blob").is_err());
    }
}
