//! Checks documents, images and videos. Files that are already uploaded cannot be checked.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::{documents, images, is_shared_package};
use crate::limits::MAX_UPLOAD_BYTES;
use crate::listing::{FileSource, Listing};
use crate::registry::Rule;
use crate::registry::submission::{
    DOCUMENT_FILE, DOCUMENT_TWICE, FILE_PRESENT, GALLERY_COUNT, IMAGE_FILE, VIDEO_COUNT,
};
use crate::report::Location;
use crate::report_builder::ReportBuilder;

const MAX_IMAGES: usize = 15;
const MIN_IMAGES: usize = 2;
const MAX_VIDEOS: usize = 3;

/// Checks the rules of this module.
pub(super) fn check(listing: &Listing, builder: &mut ReportBuilder) {
    let mut known = HashSet::new();
    for (field, source) in documents(listing) {
        file(field, source, &DOCUMENT_FILE, &[Format::Pdf], builder);
        let is_duplicate = source.path().is_some_and(|path| !known.insert(path));
        if is_duplicate {
            builder.add(&DOCUMENT_TWICE, Location::field(field), "the same file is used for another document");
        }
    }
    for (field, source) in images(listing) {
        file(&field, source, &IMAGE_FILE, &[Format::Png, Format::Jpeg], builder);
    }
    let media = listing.media_artifacts.as_ref();
    let images = media.and_then(|media| media.gallery_images.as_ref()).map_or(0, Vec::len);
    let is_odd = images > MAX_IMAGES || images < MIN_IMAGES && !is_shared_package(listing);
    // A missing gallery is reported by another rule.
    if is_odd && images > 0 {
        let message = if images == 1 { "there is one image".to_owned() } else { format!("there are {images} images") };
        builder.add(&GALLERY_COUNT, Location::field("media_artifacts.gallery_images"), message);
    }
    videos(media.and_then(|media| media.video_urls.as_deref()).unwrap_or(&[]), builder);
}

fn file(field: &str, source: &FileSource, rule: &'static Rule, formats: &[Format], builder: &mut ReportBuilder) {
    let Some(path) = source.path() else { return };
    match inspect(path) {
        Err(error) => builder.add(&FILE_PRESENT, Location::field(field), format!("{}: {error}", path.display())),
        Ok(inspect) if !formats.contains(&inspect.format) => {
            builder.add(rule, Location::field(field), format!("{} has an unsupported format", name(path)));
        }
        Ok(inspect) if inspect.bytes > MAX_UPLOAD_BYTES => {
            builder.add(rule, Location::field(field), format!("{} has {} bytes", name(path), inspect.bytes));
        }
        Ok(_) => {}
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

fn videos(urls: &[String], builder: &mut ReportBuilder) {
    if urls.len() > MAX_VIDEOS {
        let message = format!("there are {} videos", urls.len());
        builder.add(&VIDEO_COUNT, Location::field("media_artifacts.video_urls"), message);
    }
    for (at, url) in urls.iter().enumerate() {
        let host = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest).split('/').next();
        let host = host.expect("a split has at least one part");
        let host = host.trim_start_matches("www.").to_ascii_lowercase();
        if !matches!(host.as_str(), "youtube.com" | "youtu.be" | "m.youtube.com" | "youtube-nocookie.com") {
            let location = Location::field(format!("media_artifacts.video_urls[{at}]"));
            builder.add(&VIDEO_COUNT, location, format!("{url} is not on YouTube"));
        }
    }
}

/// The format of a file, determined by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Pdf,
    Png,
    Jpeg,
    Other,
}

/// The size and the format of a file.
#[derive(Clone, Copy, Debug)]
struct FileInfo {
    bytes: u64,
    format: Format,
}

/// Determines size and format.
fn inspect(path: &Path) -> io::Result<FileInfo> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    let mut first = Vec::new();
    file.take(1024).read_to_end(&mut first)?;
    Ok(FileInfo { bytes: metadata.len(), format: format(&first) })
}

fn format(first: &[u8]) -> Format {
    if first.starts_with(b"\x89PNG\r\n\x1a\n") {
        Format::Png
    } else if first.starts_with(b"\xFF\xD8\xFF") {
        Format::Jpeg
    } else if memchr::memmem::find(first, b"%PDF-").is_some() {
        // PDF readers accept a file with some other bytes before the header.
        Format::Pdf
    } else {
        Format::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_what_its_first_bytes_say() {
        assert_eq!(format(b"%PDF-1.7\n"), Format::Pdf);
        assert_eq!(format(b"\xEF\xBB\xBF%PDF-1.4"), Format::Pdf);
        assert_eq!(format(b"\x89PNG\r\n\x1a\n\0\0"), Format::Png);
        assert_eq!(format(b"\xFF\xD8\xFF\xE0"), Format::Jpeg);
        assert_eq!(format(b"GIF89a"), Format::Other);
        assert_eq!(format(b""), Format::Other);
    }
}
