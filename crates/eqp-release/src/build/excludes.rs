//! The patterns of files that are not packed. They have the syntax of a line in `.gitignore`, without `!`.

use serde::Serialize;

use super::error::BuildError;
use super::tree::folders_of;

/// The patterns that are excluded by default: files of version control, code hosts, CI services, tests, editors and builds, and what
/// package managers install.
pub const DEFAULT_EXCLUDES: &[&str] = &[
    // Version control.
    ".git",
    ".gitignore",
    ".gitattributes",
    ".gitmodules",
    ".gitkeep",
    ".mailmap",
    ".svn",
    ".hg",
    ".hgignore",
    ".hgtags",
    ".bzr",
    "CVS/",
    // Code hosts and CI services.
    ".github/",
    ".gitlab/",
    ".gitlab-ci.yml",
    ".travis.yml",
    ".circleci/",
    "bitbucket-pipelines.yml",
    "azure-pipelines.yml",
    // Tests and analysis.
    "/Test/",
    "/Tests/",
    "/test/",
    "/tests/",
    "phpunit.xml",
    "phpunit.xml.dist",
    ".phpunit.cache/",
    ".phpunit.result.cache",
    "phpcs.xml",
    "phpcs.xml.dist",
    "phpmd.xml",
    "phpstan*.neon",
    "phpstan*.neon.dist",
    ".php-cs-fixer*.php",
    ".php-cs-fixer.cache",
    // Editors and operating systems.
    ".editorconfig",
    ".idea/",
    ".vscode/",
    ".history/",
    ".vagrant/",
    ".DS_Store",
    "__MACOSX/",
    "Thumbs.db",
    "*.orig",
    "*.rej",
    "*~",
    "*.swp",
    "*.swo",
    // Builds and installed packages.
    "/vendor/",
    "node_modules/",
    "/composer.lock",
    "/Makefile",
    "/release.toml",
    "/*.zip",
    "error_log",
    "npm-debug.log",
];

/// Patterns of files that are not packed.
///
/// ```
/// use eqp_release::build::Excludes;
///
/// let excludes = Excludes::default_and(["docs/", "*.psd"])?;
/// assert_eq!(excludes.find("vendor/acme/a.php"), Some("/vendor/"));
/// assert_eq!(excludes.find("view/images/badge.psd"), Some("*.psd"));
/// assert_eq!(excludes.find("etc/module.xml"), None);
/// # Ok::<(), eqp_release::build::BuildError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excludes(Vec<Pattern>);

/// The origin of an exclusion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, strum::Display)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum ExclusionOrigin {
    /// A default pattern.
    Default,
    /// A pattern of the caller.
    Requested,
    /// An attribute in `.gitattributes`.
    ExportIgnore,
}

/// A pattern of files that are not packed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    text: String,
    origin: ExclusionOrigin,
    /// Whether it must match from the top. Otherwise it matches a name at any depth.
    is_anchored: bool,
    is_folder: bool,
    parts: Vec<String>,
}

impl Excludes {
    /// Creates the default patterns and others.
    ///
    /// # Errors
    /// [`BuildError::Pattern`] if a pattern is not valid.
    pub fn default_and(patterns: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, BuildError> {
        let default = DEFAULT_EXCLUDES.iter().map(|text| Pattern::parse(text, ExclusionOrigin::Default));
        let mut all: Vec<_> = default.collect::<Result<_, _>>()?;
        all.extend(Self::only(patterns)?.0);
        Ok(Self(all))
    }

    /// Creates patterns without the default ones.
    ///
    /// # Errors
    /// [`BuildError::Pattern`] if a pattern is not valid.
    pub fn only(patterns: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, BuildError> {
        let parsed = patterns.into_iter().map(|text| Pattern::parse(text.as_ref(), ExclusionOrigin::Requested));
        parsed.collect::<Result<_, _>>().map(Self)
    }

    /// Returns the pattern that excludes the file with this path, or `None`.
    pub fn find(&self, path: &str) -> Option<&str> {
        self.find_with_origin(path).map(|(text, _)| text)
    }

    /// Returns the pattern that excludes the file with this path, and its origin. The patterns of the caller come first.
    pub(super) fn find_with_origin(&self, path: &str) -> Option<(&str, ExclusionOrigin)> {
        let found = self.0.iter().rev().find(|pattern| pattern.excludes(path))?;
        Some((&found.text, found.origin))
    }

    /// Returns the patterns of the caller.
    pub(super) fn requested(&self) -> impl Iterator<Item = &Pattern> {
        self.0.iter().filter(|pattern| pattern.origin == ExclusionOrigin::Requested)
    }
}

impl Pattern {
    fn parse(text: &str, origin: ExclusionOrigin) -> Result<Self, BuildError> {
        let invalid = |reason| Err(BuildError::Pattern { pattern: text.to_owned(), reason });
        let (path, is_folder) = text.strip_suffix('/').map_or((text, false), |path| (path, true));
        let path = path.strip_prefix("./").map_or(path.to_owned(), |path| format!("/{path}"));
        let is_anchored = path.contains('/');
        let path = path.strip_prefix('/').unwrap_or(&path);
        if path.is_empty() {
            return invalid("it is empty");
        }
        if path.starts_with('!') {
            return invalid("exceptions with ! are not supported");
        }
        if path.contains(['\\', '[']) {
            return invalid("\\ and [ are not supported");
        }
        if path.split('/').any(|part| part.is_empty() || part == "..") {
            return invalid("it has an empty part or ..");
        }
        let parts = path.split('/').map(str::to_owned).collect();
        Ok(Self { text: text.to_owned(), origin, is_anchored, is_folder, parts })
    }

    /// Returns the pattern as it was given.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Returns whether the pattern matches a file or one of its folders.
    pub(super) fn excludes(&self, path: &str) -> bool {
        if !self.is_anchored {
            let (folders, file) = path.rsplit_once('/').map_or(("", path), |(folders, file)| (folders, file));
            let name = &self.parts[0];
            return (!folders.is_empty() && folders.split('/').any(|folder| matches_name(name, folder)))
                || (!self.is_folder && matches_name(name, file));
        }
        let names: Vec<&str> = path.split('/').collect();
        let is_match = |depth: usize| matches_path(&self.parts, &names[..depth]);
        let folders = folders_of(path).count();
        (1..=folders).any(is_match) || (!self.is_folder && is_match(names.len()))
    }
}

/// Returns whether a pattern matches a path. `**` matches any number of folders.
fn matches_path(pattern: &[String], path: &[&str]) -> bool {
    match pattern.split_first() {
        None => path.is_empty(),
        Some((first, rest)) if first == "**" => (0..=path.len()).any(|skipped| matches_path(rest, &path[skipped..])),
        Some((first, rest)) => {
            path.split_first().is_some_and(|(name, below)| matches_name(first, name) && matches_path(rest, below))
        }
    }
}

/// Returns whether a pattern with `*` and `?` matches a name.
fn matches_name(pattern: &str, name: &str) -> bool {
    if !pattern.contains(['*', '?']) {
        return pattern == name;
    }
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut read) = (0, 0);
    // The last `*` and the position in the name up to which it matches.
    let mut star: Option<(usize, usize)> = None;
    while read < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(letter) if *letter == '?' || *letter == name[read] => {
                at += 1;
                read += 1;
            }
            _ => {
                let Some((star_at, end)) = &mut star else { return false };
                *end += 1;
                (at, read) = (*star_at + 1, *end);
            }
        }
    }
    pattern[at..].iter().all(|letter| *letter == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_gitignore() {
        for (pattern, path, expected) in [
            ("*.psd", "a.psd", true),
            ("*.psd", "art/deep/a.psd", true),
            ("*.psd", "a.psd.png", false),
            ("docs/", "docs/a.md", true),
            ("docs/", "view/docs/a.md", true),
            ("docs/", "docs", false),
            ("docs", "docs", true),
            ("/docs", "view/docs/a.md", false),
            ("./docs", "docs/a.md", true),
            ("view/*/old", "view/base/old/a.css", true),
            ("view/*/old", "view/base/new/old/a.css", false),
            ("view/**/old", "view/base/new/old/a.css", true),
            ("**/old", "old/a", true),
            ("view/**", "view/a", true),
            ("view/**", "views/a", false),
            ("a?.php", "ab.php", true),
            ("a?.php", "a.php", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b*", "xxbxxaxx", false),
            ("*", "a", true),
            ("ü*", "über", true),
        ] {
            let excludes = Excludes::only([pattern]).unwrap();
            assert_eq!(excludes.find(path).is_some(), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn a_pattern_that_would_not_do_what_it_says_is_refused() {
        for pattern in ["", "/", "!keep", "[ab]", "a\\b", "a//b", "../a"] {
            assert!(matches!(Excludes::only([pattern]), Err(BuildError::Pattern { .. })), "{pattern}");
        }
    }

    #[test]
    fn the_default_patterns_are_valid_and_different() {
        let excludes = Excludes::default_and([""; 0]).unwrap();
        for pattern in DEFAULT_EXCLUDES {
            assert_eq!(excludes.0.iter().filter(|other| other.text == *pattern).count(), 1, "{pattern}");
        }
        for packed in
            ["composer.json", "registration.php", "etc/module.xml", "view/web/js/test/a.js", "Model/Vendor.php"]
        {
            assert_eq!(excludes.find(packed), None, "{packed}");
        }
    }
}
