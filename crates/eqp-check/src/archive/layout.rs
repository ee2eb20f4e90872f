//! Finds the root folder of the package in an archive, by the rule of the validator script: the top level if there is a file, otherwise
//! the only folder.

use std::collections::BTreeSet;

/// The root folder of the package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PackageRoot {
    /// The top level.
    Archive,
    /// A folder, with a trailing `/`.
    Folder(String),
    /// One of several folders: it is not possible to determine which.
    Ambiguous(Vec<String>),
}

impl PackageRoot {
    /// Determines the root folder from the names of all entries.
    pub(crate) fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut folders = BTreeSet::new();
        for name in names {
            match name.split_once('/') {
                None => return Self::Archive,
                Some((folder, _)) => folders.insert(folder),
            };
        }
        let mut folders: Vec<_> = folders.into_iter().map(|folder| format!("{folder}/")).collect();
        match folders.len() {
            0 => Self::Archive,
            1 => Self::Folder(folders.remove(0)),
            _ => Self::Ambiguous(folders),
        }
    }

    /// Returns the prefix of the names of all files of the package.
    pub(crate) fn prefix(&self) -> &str {
        match self {
            Self::Folder(folder) => folder,
            Self::Archive | Self::Ambiguous(_) => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_at_the_top_decides_and_one_folder_is_entered() {
        let folder = |name: &str| PackageRoot::Folder(name.into());
        let cases: [(&[&str], PackageRoot); 6] = [
            (&["composer.json", "etc/module.xml"], PackageRoot::Archive),
            (&["a/", "a/composer.json"], folder("a/")),
            (&["a/composer.json", "README"], PackageRoot::Archive),
            (&["a/x", "b/x"], PackageRoot::Ambiguous(vec!["a/".into(), "b/".into()])),
            (&["/x"], folder("/")),
            (&[], PackageRoot::Archive),
        ];
        for (names, root) in cases {
            assert_eq!(PackageRoot::of(names.iter().copied()), root, "{names:?}");
        }
    }
}
