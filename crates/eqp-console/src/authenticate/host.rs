//! Checks the host name that a request names.
//!
//! A page of another site can make a browser on this machine send requests here under its own name (DNS rebinding). It always needs
//! a name for this, so addresses are allowed.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::header::HOST;

use crate::problem::{Problem, ProblemCode};

/// The host names under which the API can be called, besides `localhost` and addresses.
#[derive(Clone, Debug, Default)]
pub(crate) struct AllowedHosts(Arc<[String]>);

impl AllowedHosts {
    pub(crate) fn new(names: &[String]) -> Self {
        Self(names.iter().map(|name| name.to_ascii_lowercase()).collect())
    }

    pub(super) fn check(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let mut values = headers.get_all(HOST).iter();
        let only = values.next().filter(|_| values.next().is_none());
        let host = only.and_then(|value| value.to_str().ok()).map(without_port);
        match host {
            Some(host) if self.allows(host) => Ok(()),
            _ => Err(Problem::new(ProblemCode::HostNotAllowed)),
        }
    }

    fn allows(&self, host: &str) -> bool {
        let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if address.parse::<IpAddr>().is_ok() {
            return true;
        }
        let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        name == "localhost" || self.0.contains(&name)
    }
}

/// Adds the check of the host name to the path `/metrics` of a router, because metrics contain the names of endpoints. `hosts` are the
/// allowed names, besides `localhost` and addresses. Health checks are answered under any name.
pub fn check_hosts_of_metrics(router: Router, hosts: &[String]) -> Router {
    router.layer(from_fn_with_state(AllowedHosts::new(hosts), check_metrics))
}

async fn check_metrics(State(hosts): State<AllowedHosts>, request: Request, next: Next) -> Response {
    if request.uri().path() == "/metrics"
        && let Err(problem) = hosts.check(request.headers())
    {
        return problem.into_response();
    }
    next.run(request).await
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn metrics_are_not_served_under_a_foreign_name() {
        let served = || axum::routing::get(|| async { "served" });
        let router = Router::new().route("/metrics", served()).route("/healthz", served());
        let router = check_hosts_of_metrics(router, &["ops.example.com".to_owned()]);
        for (path, host, status) in [
            ("/metrics", "ops.example.com", 200),
            ("/metrics", "192.0.2.7:8444", 200),
            ("/metrics", "evil.example.com", 421),
            ("/healthz", "evil.example.com", 200),
        ] {
            let request = Request::builder().uri(path).header(HOST, host).body(axum::body::Body::empty()).unwrap();
            let response = tower::ServiceExt::oneshot(router.clone(), request).await.unwrap();
            assert_eq!(response.status().as_u16(), status, "{path} {host}");
        }
    }

    #[test]
    fn only_addresses_and_known_names_are_allowed() {
        let hosts = AllowedHosts::new(&["Ops.example.com".to_owned()]);
        for (host, allowed) in [
            ("localhost", true),
            ("LOCALHOST:8444", true),
            ("127.0.0.1:8444", true),
            ("[::1]:8444", true),
            ("[::1]", true),
            ("192.0.2.7:8444", true),
            ("ops.example.com:443", true),
            ("ops.example.com.", true),
            ("evil.example.com", false),
            ("localhost.evil.example.com", false),
            ("127.0.0.1.evil.example.com:8444", false),
            ("ops.example.com@evil.example.com", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(HOST, host.parse().unwrap())]);
            assert_eq!(hosts.check(&headers).is_ok(), allowed, "{host}");
        }
        assert!(hosts.check(&HeaderMap::new()).is_err());
        let mut twice = HeaderMap::from_iter([(HOST, "localhost".parse().unwrap())]);
        twice.append(HOST, "localhost".parse().unwrap());
        assert!(hosts.check(&twice).is_err());
    }
}
