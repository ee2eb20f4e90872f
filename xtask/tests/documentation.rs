//! The pages in docs/ form a book: its table of contents lists each of them, and every link leads somewhere.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Returns the pages below a folder, as paths from the root of the workspace.
fn pages_in(folder: &str) -> Vec<String> {
    let mut pages = Vec::new();
    for entry in std::fs::read_dir(root().join(folder)).unwrap() {
        let entry = entry.unwrap();
        let path = if folder == "." {
            entry.file_name().into_string().unwrap()
        } else {
            format!("{folder}/{}", entry.file_name().into_string().unwrap())
        };
        if entry.file_type().unwrap().is_dir() && folder != "." {
            pages.extend(pages_in(&path));
        } else if Path::new(&path).extension().is_some_and(|extension| extension == "md") {
            pages.push(path);
        }
    }
    pages
}

fn pages() -> Vec<String> {
    [".", "docs"].into_iter().flat_map(pages_in).collect()
}

fn text(page: &str) -> String {
    std::fs::read_to_string(root().join(page)).unwrap()
}

/// Returns the lines outside of code blocks.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut is_code = false;
    text.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    })
}

/// Returns the targets of the links of a page.
fn links(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in prose(text) {
        let mut rest = line;
        while let Some((_, after)) = rest.split_once("](") {
            let (target, after) = after.split_once(')').unwrap_or((after, ""));
            found.push(target.to_owned());
            rest = after;
        }
    }
    found
}

/// Returns the anchors of a page's headings, as GitHub and mdBook derive them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings =
        prose(text).filter_map(|line| line.strip_prefix('#')).map(|line| line.trim_start_matches('#').trim());
    let anchor = |heading: &str| {
        let kept = heading.chars().filter(|char| char.is_alphanumeric() || [' ', '-', '_'].contains(char));
        kept.collect::<String>().to_lowercase().replace(' ', "-")
    };
    headings.map(anchor).collect()
}

/// Returns the page that a link of another page leads to, without `..`.
fn resolved(page: &str, target: &str) -> PathBuf {
    let mut path = PathBuf::new();
    for part in Path::new(page).parent().unwrap().join(target).components() {
        match part {
            Component::ParentDir => assert!(path.pop(), "{page}: {target} leads out of the workspace"),
            Component::CurDir => {}
            part => path.push(part),
        }
    }
    path
}

#[test]
fn every_link_of_the_pages_leads_to_a_file_and_a_heading() {
    let mut broken = Vec::new();
    for page in pages() {
        for link in links(&text(&page)) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (target, anchor) = link.split_once('#').map_or((link.as_str(), None), |(path, to)| (path, Some(to)));
            let path = if target.is_empty() { PathBuf::from(&page) } else { resolved(&page, target) };
            if !root().join(&path).exists() {
                broken.push(format!("{page}: {link}: there is no {}", path.display()));
            } else if let Some(anchor) = anchor
                && !anchors(&text(path.to_str().unwrap())).contains(anchor)
            {
                broken.push(format!("{page}: {link}: there is no such heading"));
            }
        }
    }
    assert_eq!(broken, [""; 0]);
}

#[test]
fn the_table_of_contents_lists_each_page_once() {
    let mut listed = links(&text("docs/SUMMARY.md"));
    listed.sort();
    let is_page = |page: &String| page != "docs/SUMMARY.md" && !page.starts_with("docs/reference/json/");
    let mut expected: Vec<_> =
        pages_in("docs").into_iter().filter(is_page).map(|page| page["docs/".len()..].to_owned()).collect();
    expected.sort();
    assert_eq!(listed, expected);
}
