//! Where in an archive the package begins, by the rule of the store's validator script: any file at the top, and it begins
//! at the top; else in the one folder that is there.

use std::collections::BTreeSet;

/// Where the package begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Top {
    /// At the top.
    Archive,
    /// In a folder; its name ends with `/`.
    Folder(String),
    /// In one of several folders: nobody can say which.
    Several(Vec<String>),
}

impl Top {
    /// Looks at the names of all entries.
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
            _ => Self::Several(folders),
        }
    }

    /// What the names of the package's files begin with.
    pub(crate) fn prefix(&self) -> &str {
        match self {
            Self::Folder(folder) => folder,
            Self::Archive | Self::Several(_) => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_at_the_top_decides_and_one_folder_is_entered() {
        let folder = |name: &str| Top::Folder(name.into());
        let cases: [(&[&str], Top); 6] = [
            (&["composer.json", "etc/module.xml"], Top::Archive),
            (&["a/", "a/composer.json"], folder("a/")),
            (&["a/composer.json", "README"], Top::Archive),
            (&["a/x", "b/x"], Top::Several(vec!["a/".into(), "b/".into()])),
            (&["/x"], folder("/")),
            (&[], Top::Archive),
        ];
        for (names, top) in cases {
            assert_eq!(Top::of(names.iter().copied()), top, "{names:?}");
        }
    }
}
