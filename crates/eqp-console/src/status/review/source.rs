//! Where the source code of a version is, as far as the configuration of the server says.

use serde::{Deserialize, Serialize};
use url::Url;

use crate::process_facts::ProductSettings;

/// The source code of a version. Nothing in it is looked up: it comes from the configuration of the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct VersionSource {
    /// The page of the repository. Null if its URL has none, such as a path.
    pub repository: Option<String>,
    /// The git tag of the version.
    pub tag: Option<String>,
    /// The page of the files at this tag. Null if the host is not known to have one.
    pub tag_page: Option<String>,
    /// The page of the CI runs for this tag. Null if the host is not known to have one.
    pub runs_page: Option<String>,
}

impl VersionSource {
    /// Returns the source of a version of a configured product.
    pub(crate) fn of(settings: &ProductSettings, version: Option<&str>) -> Option<Self> {
        let repository = settings.repository.as_deref().and_then(web_page);
        let tag = settings.tag.as_ref().zip(version).map(|(tag, version)| tag.replace("{version}", version));
        if repository.is_none() && tag.is_none() {
            return None;
        }
        let host = repository.as_deref().map(Host::of);
        let page = |host: Host, path: fn(Host) -> Option<&'static str>, query: bool| {
            let (repository, tag, path) = (repository.as_ref()?, tag.as_deref()?, path(host)?);
            let mut url = Url::parse(&format!("{repository}{path}")).ok()?;
            if query {
                url.query_pairs_mut().append_pair(host.run_filter(), &host.run_value(tag));
            } else {
                // A tag can contain slashes, which separate segments here too.
                url.path_segments_mut().ok()?.extend(tag.split('/'));
            }
            Some(url.to_string())
        };
        let tag_page = host.and_then(|host| page(host, Host::files, false));
        let runs_page = host.and_then(|host| page(host, Host::runs, true));
        Some(Self { repository, tag, tag_page, runs_page })
    }
}

/// A kind of host of git repositories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Host {
    GitHub,
    GitLab,
    Other,
}

impl Host {
    fn of(repository: &str) -> Self {
        let url = Url::parse(repository).ok();
        match url.as_ref().and_then(Url::host_str) {
            Some("github.com") => Self::GitHub,
            Some(host) if host == "gitlab.com" || host.starts_with("gitlab.") => Self::GitLab,
            _ => Self::Other,
        }
    }

    fn files(self) -> Option<&'static str> {
        match self {
            Self::GitHub => Some("/tree"),
            Self::GitLab => Some("/-/tree"),
            Self::Other => None,
        }
    }

    fn runs(self) -> Option<&'static str> {
        match self {
            Self::GitHub => Some("/actions"),
            Self::GitLab => Some("/-/pipelines"),
            Self::Other => None,
        }
    }

    fn run_filter(self) -> &'static str {
        if self == Self::GitHub { "query" } else { "ref" }
    }

    fn run_value(self, tag: &str) -> String {
        if self == Self::GitHub { format!("branch:{tag}") } else { tag.to_owned() }
    }
}

/// Returns the page of a repository, from its URL in any of the forms that git accepts.
fn web_page(repository: &str) -> Option<String> {
    // git@github.com:acme/checkout.git
    let short = repository.split_once(':').filter(|(_, path)| !path.starts_with("//"));
    let (host, path) = if let Some((user_and_host, path)) = short {
        (user_and_host.rsplit('@').next()?.to_owned(), path.to_owned())
    } else {
        let url = Url::parse(repository).ok().filter(|url| matches!(url.scheme(), "https" | "ssh" | "git"))?;
        // The port of another protocol than HTTPS says nothing about the pages.
        let port = url.port().filter(|_| url.scheme() == "https").map(|port| format!(":{port}")).unwrap_or_default();
        (format!("{}{port}", url.host_str()?), url.path().to_owned())
    };
    let path = path.trim_matches('/').trim_end_matches(".git");
    let page = Url::parse(&format!("https://{host}/{path}")).ok()?;
    let is_plain = page.username().is_empty() && page.password().is_none() && host.contains('.') && !path.is_empty();
    is_plain.then(|| page.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_has_one_page_however_its_url_is_written() {
        for url in [
            "https://github.com/acme/checkout",
            "https://github.com/acme/checkout.git",
            "ssh://git@github.com:22/acme/checkout.git",
            "git@github.com:acme/checkout.git",
        ] {
            assert_eq!(web_page(url).as_deref(), Some("https://github.com/acme/checkout"), "{url}");
        }
        assert_eq!(web_page("https://git.example.com:8443/a/b").as_deref(), Some("https://git.example.com:8443/a/b"));
        for url in
            ["../checkout", "/srv/git/checkout.git", "", "javascript:alert(1)", "http://github.com/a/b", "file:///a/b"]
        {
            assert_eq!(web_page(url), None, "{url}");
        }
    }

    #[test]
    fn only_hosts_whose_pages_are_known_have_a_page_for_a_tag() {
        let of = |repository: Option<&str>, tag: Option<&str>, version: Option<&str>| {
            let (repository, tag) = (repository.map(str::to_owned), tag.map(str::to_owned));
            VersionSource::of(&ProductSettings { repository, tag, ..ProductSettings::default() }, version)
        };
        let source = of(Some("git@github.com:acme/checkout.git"), Some("checkout/v{version}"), Some("1.5.0")).unwrap();
        assert_eq!(source.tag.as_deref(), Some("checkout/v1.5.0"));
        assert_eq!(source.tag_page.as_deref(), Some("https://github.com/acme/checkout/tree/checkout/v1.5.0"));
        let runs = "https://github.com/acme/checkout/actions?query=branch%3Acheckout%2Fv1.5.0";
        assert_eq!(source.runs_page.as_deref(), Some(runs));
        let source = of(Some("https://gitlab.example.com/acme/checkout"), Some("v{version}"), Some("1 <b>")).unwrap();
        assert_eq!(source.tag_page.as_deref(), Some("https://gitlab.example.com/acme/checkout/-/tree/v1%20%3Cb%3E"));
        assert_eq!(
            source.runs_page.as_deref(),
            Some("https://gitlab.example.com/acme/checkout/-/pipelines?ref=v1+%3Cb%3E")
        );
        let source = of(Some("https://git.example.com/acme/checkout"), Some("v{version}"), Some("1.5.0")).unwrap();
        assert_eq!((source.tag_page, source.runs_page), (None, None));
        assert!(source.repository.is_some());
        let source = of(Some("https://github.com/acme/checkout"), Some("v{version}"), None).unwrap();
        assert_eq!((source.tag, source.tag_page), (None, None));
        assert_eq!(of(Some("../checkout"), None, Some("1.5.0")), None);
    }
}
