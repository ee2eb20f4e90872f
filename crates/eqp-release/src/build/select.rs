//! Decides which files are packed, and refuses files that cannot be. Pure, except that the targets of links are read.

use std::collections::{BTreeMap, HashMap};

use eqp_check::internal::MAX_ENTRIES;
use serde::Serialize;

use super::error::{BuildError, LinkProblem};
use super::excludes::{Excludes, ExclusionOrigin};
use super::reader::Reader;
use super::tree::{Content, FileKind, TreeFile};

/// The name under which files are reported that an attribute excludes.
const EXPORT_IGNORE: &str = "export-ignore";
/// The maximum length of a chain of links.
const MAX_LINKS: usize = 8;

/// Files that were not packed because of one pattern.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Exclusion {
    /// The pattern, or `export-ignore`.
    pub pattern: String,
    /// Where the pattern comes from.
    pub origin: ExclusionOrigin,
    /// The number of files.
    pub files: usize,
    /// The first of them.
    pub example: String,
}

/// A file to pack.
#[derive(Clone, Debug)]
pub(super) struct Selected {
    pub(super) path: String,
    pub(super) content: Content,
    pub(super) is_executable: bool,
}

/// The files to pack, and the others.
pub(super) struct Selection {
    /// Sorted by path, byte by byte.
    pub(super) files: Vec<Selected>,
    pub(super) excluded: Vec<Exclusion>,
    /// The patterns of the caller that match no file.
    pub(super) unmatched: Vec<String>,
    /// The links that were replaced by the files that they point to.
    pub(super) links: Vec<String>,
}

/// Selects the files to pack.
pub(super) fn select(files: &[TreeFile], patterns: &Excludes, reader: &Reader) -> Result<Selection, BuildError> {
    let mut excluded: BTreeMap<(ExclusionOrigin, &str), Exclusion> = BTreeMap::new();
    let mut packed = Vec::with_capacity(files.len());
    for file in files {
        let found = match patterns.find_with_origin(&file.path) {
            _ if file.is_export_ignored => Some((EXPORT_IGNORE, ExclusionOrigin::ExportIgnore)),
            found => found,
        };
        let Some((pattern, origin)) = found else {
            packed.push(file);
            continue;
        };
        let exclusion = excluded.entry((origin, pattern)).or_insert_with(|| Exclusion {
            pattern: pattern.to_owned(),
            origin,
            files: 0,
            example: file.path.clone(),
        });
        exclusion.files += 1;
    }
    if packed.len() as u64 > MAX_ENTRIES {
        return Err(BuildError::TooManyFiles { files: packed.len(), limit: MAX_ENTRIES });
    }
    if packed.is_empty() {
        return Err(BuildError::NoFiles { excluded: excluded.values().map(|exclusion| exclusion.files).sum() });
    }
    refuse_names(&packed)?;
    let links = Links::read(files, reader)?;
    let mut replaced = Vec::new();
    let mut selected = Vec::with_capacity(packed.len());
    for file in packed {
        let path = file.path.clone();
        let (content, is_executable) = match &file.kind {
            FileKind::File { content, is_executable } => (content.clone(), *is_executable),
            FileKind::Link(_) => {
                replaced.push(path.clone());
                links.follow(&path)?
            }
            FileKind::Submodule => return Err(BuildError::Submodule { path }),
            FileKind::Special => return Err(BuildError::NotAFile { path }),
        };
        selected.push(Selected { path, content, is_executable });
    }
    selected.sort_by(|one, other| one.path.cmp(&other.path));
    let unmatched = patterns.requested().filter(|pattern| !files.iter().any(|file| pattern.excludes(&file.path)));
    let unmatched = unmatched.map(|pattern| pattern.text().to_owned()).collect();
    Ok(Selection { files: selected, excluded: excluded.into_values().collect(), unmatched, links: replaced })
}

/// Refuses names that are not UTF-8, and names that would be the same file on Windows or macOS.
fn refuse_names(files: &[&TreeFile]) -> Result<(), BuildError> {
    let mut lower = HashMap::with_capacity(files.len());
    for file in files {
        if !file.is_utf8 {
            return Err(BuildError::NameNotUtf8 { name: file.path.clone() });
        }
        if let Some(first) = lower.insert(file.path.to_lowercase(), &file.path) {
            let mut names = [first.clone(), file.path.clone()];
            names.sort();
            let [first, second] = names;
            return Err(BuildError::SameNames { first, second });
        }
    }
    Ok(())
}

/// The files of the folder by path, with the targets of links.
struct Links<'a> {
    by_path: HashMap<&'a str, &'a TreeFile>,
    targets: HashMap<&'a str, String>,
}

impl<'a> Links<'a> {
    fn read(files: &'a [TreeFile], reader: &Reader) -> Result<Self, BuildError> {
        let links: Vec<(&str, &Content)> = files
            .iter()
            .filter_map(|file| match &file.kind {
                FileKind::Link(content) => Some((file.path.as_str(), content)),
                _ => None,
            })
            .collect();
        let targets = reader.targets(&links)?;
        let targets = targets.iter().map(|target| String::from_utf8_lossy(target).into_owned());
        let targets: HashMap<_, _> = links.iter().map(|(path, _)| *path).zip(targets).collect();
        let by_path = if targets.is_empty() {
            HashMap::new()
        } else {
            files.iter().map(|file| (file.path.as_str(), file)).collect()
        };
        Ok(Self { by_path, targets })
    }

    /// Returns the file that a link leads to.
    fn follow(&self, link: &str) -> Result<(Content, bool), BuildError> {
        let original = self.targets[link].clone();
        let error = |problem| BuildError::Link { path: link.to_owned(), target: original.clone(), problem };
        let mut at = link.to_owned();
        for _ in 0..MAX_LINKS {
            let target = self.targets.get(at.as_str()).map_or("", String::as_str);
            let path = resolve(&at, target).ok_or_else(|| error(LinkProblem::Outside))?;
            match self.by_path.get(path.as_str()).map(|file| &file.kind) {
                Some(FileKind::File { content, is_executable }) => return Ok((content.clone(), *is_executable)),
                Some(FileKind::Link(_)) => at = path,
                Some(FileKind::Submodule) => return Err(error(LinkProblem::Folder)),
                Some(FileKind::Special) => return Err(error(LinkProblem::Loop)),
                None => {
                    let folder = format!("{path}/");
                    let is_folder = path.is_empty() || self.by_path.keys().any(|name| name.starts_with(&folder));
                    return Err(error(if is_folder { LinkProblem::Folder } else { LinkProblem::Missing }));
                }
            }
        }
        Err(error(LinkProblem::Loop))
    }
}

/// Returns the path that a relative target means. Returns `None` if it leads out of the folder.
fn resolve(link: &str, target: &str) -> Option<String> {
    let has_drive = target.as_bytes().get(1) == Some(&b':');
    if target.starts_with('/') || has_drive {
        return None;
    }
    let mut parts: Vec<&str> = link.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_relative_to_the_folder_of_its_link() {
        for (link, target, expected) in [
            ("a", "b", Some("b")),
            ("x/a", "b", Some("x/b")),
            ("x/a", "../b", Some("b")),
            ("x/a", "./y//b", Some("x/y/b")),
            ("x/a", "..", Some("")),
            ("x/a", "../../b", None),
            ("a", "../b", None),
            ("a", "/etc/passwd", None),
            ("a", "C:/x", None),
        ] {
            assert_eq!(resolve(link, target).as_deref(), expected, "{link} -> {target}");
        }
    }
}
