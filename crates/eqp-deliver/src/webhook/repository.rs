//! The parts of the URL of a git repository.

use url::Url;

/// Returns the host at which an API shows its repositories.
pub(super) fn host_of_api(api: &str) -> Option<String> {
    let host = Url::parse(api).ok()?.host_str()?.to_owned();
    Some(if host == "api.github.com" { "github.com".to_owned() } else { host })
}

/// Returns the path of a repository, such as `acme/checkout`, if it is at `host`.
pub(super) fn path_at(repository: &str, host: &str) -> Option<String> {
    // git@github.com:acme/checkout.git
    let short = repository.split_once(':').filter(|(_, path)| !path.starts_with("//"));
    let (found, path) = if let Some((user_and_host, path)) = short {
        (user_and_host.rsplit('@').next()?.to_owned(), path.to_owned())
    } else {
        let url = Url::parse(repository).ok()?;
        (url.host_str()?.to_owned(), url.path().to_owned())
    };
    let path = path.trim_matches('/').trim_end_matches(".git");
    let is_name = |name: &str| !name.is_empty() && name != "." && name != "..";
    let names: Vec<&str> = path.split('/').collect();
    let is_path = names.len() >= 2 && names.iter().all(|name| is_name(name));
    (found.eq_ignore_ascii_case(host) && is_path).then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_has_one_path_however_its_url_is_written() {
        for url in [
            "https://github.com/acme/checkout",
            "https://github.com/acme/checkout.git",
            "https://GitHub.com/acme/checkout/",
            "ssh://git@github.com/acme/checkout.git",
            "git@github.com:acme/checkout.git",
        ] {
            assert_eq!(path_at(url, "github.com").as_deref(), Some("acme/checkout"), "{url}");
        }
    }

    #[test]
    fn a_repository_of_another_host_or_without_an_owner_has_none() {
        for url in
            ["https://gitlab.com/acme/checkout", "https://github.com/acme", "../checkout", "", "git@github.com:a"]
        {
            assert_eq!(path_at(url, "github.com"), None, "{url}");
        }
        assert_eq!(host_of_api("https://api.github.com").as_deref(), Some("github.com"));
        assert_eq!(host_of_api("https://git.example.com/api/v3").as_deref(), Some("git.example.com"));
    }
}
