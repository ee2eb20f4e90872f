//! The file types that the Marketplace accepts, and their limits. No I/O.

use std::path::Path;

/// The guide does not define "MB". This is the larger of the two meanings, because the client must not reject a file that the
/// Marketplace would accept.
const MB: u64 = 1024 * 1024;

/// The type of a file, determined by its extension.
///
/// ```
/// use std::path::Path;
///
/// use eqp_client::files::FileKind;
///
/// assert_eq!(FileKind::of(Path::new("badges-1.0.0.zip")), Some(FileKind::Zip));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileKind {
    /// The archive of a package.
    Zip,
    /// A PDF document.
    Pdf,
    /// A PNG image.
    Png,
    /// A JPEG image.
    Jpeg,
    /// A GIF image, accepted only as an avatar.
    Gif,
}

impl FileKind {
    /// Returns the type of the file at `path` by its extension, which may be in any letter case.
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

    /// Returns the content type for the upload.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Zip => "application/zip",
            Self::Pdf => "application/pdf",
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Gif => "image/gif",
        }
    }

    /// Returns the maximum size in bytes according to the guide for sellers.
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
