//! Documents, images, videos. Of a file that was uploaded already nothing can be said here.

use std::collections::HashSet;
use std::path::Path;

use crate::book::Rule;
use crate::book::listing::{DOCUMENT_FILE, DOCUMENT_TWICE, FILE_PRESENT, GALLERY_COUNT, IMAGE_FILE, VIDEO_COUNT};
use crate::ledger::Ledger;
use crate::limits::LARGEST_UPLOAD;
use crate::listing::{Artifact, Format, Listing, look};
use crate::report::Place;

const MOST_IMAGES: usize = 15;
const LEAST_IMAGES: usize = 2;
const MOST_VIDEOS: usize = 3;

/// The rules.
pub(super) fn check(listing: &Listing, ledger: &mut Ledger) {
    let mut known = HashSet::new();
    for (field, artifact) in listing.documents() {
        file(field, artifact, &DOCUMENT_FILE, &[Format::Pdf], ledger);
        let copy = artifact.file.as_ref().is_some_and(|file| !known.insert(file.clone()));
        if copy {
            ledger.find(&DOCUMENT_TWICE, Place::field(field), "the same file is there under another name");
        }
    }
    for (field, artifact) in listing.images() {
        file(&field, artifact, &IMAGE_FILE, &[Format::Png, Format::Jpeg], ledger);
    }
    let images = listing.media_artifacts.gallery_images.len();
    let is_odd = images > MOST_IMAGES || images < LEAST_IMAGES && !listing.is_shared_package();
    // Without any the submission itself is wrong, and another rule says so.
    if is_odd && images > 0 {
        let message = if images == 1 { "there is one image".to_owned() } else { format!("there are {images} images") };
        ledger.find(&GALLERY_COUNT, Place::field("media_artifacts.gallery_images"), message);
    }
    videos(&listing.media_artifacts.video_urls, ledger);
}

fn file(field: &str, artifact: &Artifact, rule: &'static Rule, formats: &[Format], ledger: &mut Ledger) {
    let Some(path) = &artifact.file else { return };
    match look(path) {
        Err(error) => ledger.find(&FILE_PRESENT, Place::field(field), format!("{}: {error}", path.display())),
        Ok(look) if !formats.contains(&look.format) => {
            ledger.find(rule, Place::field(field), format!("{} is in another form", name(path)));
        }
        Ok(look) if look.bytes > LARGEST_UPLOAD => {
            ledger.find(rule, Place::field(field), format!("{} has {} bytes", name(path), look.bytes));
        }
        Ok(_) => {}
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

fn videos(urls: &[String], ledger: &mut Ledger) {
    if urls.len() > MOST_VIDEOS {
        let message = format!("there are {} videos", urls.len());
        ledger.find(&VIDEO_COUNT, Place::field("media_artifacts.video_urls"), message);
    }
    for (at, url) in urls.iter().enumerate() {
        let host = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest).split('/').next().unwrap_or_default();
        let host = host.trim_start_matches("www.").to_ascii_lowercase();
        if !matches!(host.as_str(), "youtube.com" | "youtu.be" | "m.youtube.com" | "youtube-nocookie.com") {
            let place = Place::field(format!("media_artifacts.video_urls[{at}]"));
            ledger.find(&VIDEO_COUNT, place, format!("{url} is not on YouTube"));
        }
    }
}
