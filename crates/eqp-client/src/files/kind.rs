//! The types of files that the Marketplace takes. No I/O.

use std::path::Path;

/// The guide says "MB" and not which: the larger reading, as a file that the Marketplace would take must not be refused here.
const MB: u64 = 1024 * 1024;

/// What a file is, by its extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileKind {
    /// The archive of a package.
    Zip,
    /// Documentation.
    Pdf,
    /// A picture.
    Png,
    /// A picture.
    Jpeg,
    /// A picture; for avatars only.
    Gif,
}

impl FileKind {
    /// What the file at `path` is, in whatever case its extension is written.
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "zip" => Some(Self::Zip),
            "pdf" => Some(Self::Pdf),
            "png" => Some(Self::Png),
            "jpg" | "jpeg" => Some(Self::Jpeg),
            "gif" => Some(Self::Gif),
            _ => None,
        }
    }

    /// The content type it is sent with.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Zip => "application/zip",
            Self::Pdf => "application/pdf",
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Gif => "image/gif",
        }
    }

    /// The most bytes that the Marketplace takes of it, by its guide for sellers.
    pub fn size_limit(self) -> u64 {
        match self {
            Self::Zip => 30 * MB,
            Self::Pdf | Self::Png | Self::Jpeg | Self::Gif => 5 * MB,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_decides_in_any_case() {
        for (name, kind) in [
            ("a.zip", Some(FileKind::Zip)),
            ("a.b.ZIP", Some(FileKind::Zip)),
            ("guide.Pdf", Some(FileKind::Pdf)),
            ("icon.JPEG", Some(FileKind::Jpeg)),
            ("icon.jpg", Some(FileKind::Jpeg)),
            ("face.gif", Some(FileKind::Gif)),
            ("icon.png", Some(FileKind::Png)),
            ("icon.svg", None),
            ("zip", None),
            (".zip", None),
        ] {
            assert_eq!(FileKind::of(Path::new(name)), kind, "{name}");
        }
    }
}
