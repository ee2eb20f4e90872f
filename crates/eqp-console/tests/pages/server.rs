//! A server, and a browser without scripts.

use std::collections::BTreeMap;

use eqp_console::{
    NewToken, OperatorClient, OperatorListener, OperatorService, Principal, ProductSettings, Scope, Setting,
};
use eqp_store::Store;
use eqp_test_support::callbacks::PATIENCE;
use eqp_types::Secret;
use reqwest::header::{COOKIE, HeaderMap, LOCATION, ORIGIN, SET_COOKIE};
use reqwest::{Method, RequestBuilder, redirect};
use sqlx::PgPool;
use tokio_util::sync::{CancellationToken, DropGuard};

/// The name under which the server can also be called, as through a proxy.
pub(crate) const HOST: &str = "ops.example.com";

/// A server on a database, with a client for the administrator of its machine.
pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) local: OperatorClient,
    _stop: DropGuard,
}

/// A browser that has signed in, or has not.
pub(crate) struct Browser {
    url: String,
    http: reqwest::Client,
    /// The name and the value of the session cookie.
    pub(crate) cookie: Option<String>,
}

/// A response.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

/// Returns the settings of the product of the tests.
fn checkout() -> ProductSettings {
    ProductSettings {
        repository: Some("git@github.com:acme/checkout.git".to_owned()),
        tag: Some("v{version}".to_owned()),
        ..ProductSettings::default()
    }
}

impl Server {
    pub(crate) fn on(pool: PgPool) -> Self {
        let stop = CancellationToken::new();
        let service = OperatorService::new(Store::new(pool))
            .configuration([Setting::new("receiver.roles", "console")])
            .products([("acme/checkout".to_owned(), checkout())])
            .shutdown(stop.clone());
        let listener = OperatorListener::bind(([127, 0, 0, 1], 0).into()).unwrap();
        let url = format!("http://{}", listener.local_addr());
        tokio::spawn(listener.serve(service.network_router(&[HOST.to_owned()]), stop.clone()));
        let local = OperatorClient::in_process(&service, Principal::Local);
        Self { url, local, _stop: stop.drop_guard() }
    }

    pub(crate) async fn token(&self, name: &str, scopes: &[Scope]) -> Secret {
        self.local.create_token(&NewToken::new(name, scopes.iter().copied())).await.unwrap().secret
    }

    pub(crate) fn browser(&self) -> Browser {
        let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).redirect(redirect::Policy::none());
        Browser { url: self.url.clone(), http: http.build().unwrap(), cookie: None }
    }

    /// Returns a browser that has signed in with a new token of these scopes.
    pub(crate) async fn signed_in(&self, name: &str, scopes: &[Scope]) -> Browser {
        let token = self.token(name, scopes).await;
        let mut browser = self.browser();
        let page = browser.sign_in(token.expose()).await;
        assert_eq!((page.status, page.location()), (303, "/"), "{}", page.text);
        browser
    }
}

impl Page {
    pub(crate) fn location(&self) -> &str {
        self.headers.get(LOCATION).map_or("", |location| location.to_str().unwrap())
    }

    /// Returns where the response leads, without the tag that proves what was done.
    pub(crate) fn done(&self) -> &str {
        let location = self.location();
        location.rsplit_once('.').map_or(location, |(path, _)| path)
    }

    /// Returns the content of the first element of this name, without tags.
    pub(crate) fn element(&self, name: &str) -> String {
        let (_, rest) = self.text.split_once(&format!("<{name}")).unwrap_or_else(|| panic!("no {name}: {}", self.text));
        let (_, rest) = rest.split_once('>').unwrap();
        let inner = rest.split_once(&format!("</{name}>")).unwrap().0;
        let mut text = String::new();
        for part in inner.split('<') {
            text.push_str(part.rsplit_once('>').map_or(part, |(_, after)| after));
        }
        text
    }

    pub(crate) fn heading(&self) -> String {
        self.element("h1")
    }

    /// Returns the hidden and the typed values of the form with this action.
    pub(crate) fn form(&self, action: &str) -> BTreeMap<String, String> {
        let start =
            self.text.find(&format!("action=\"{action}\"")).unwrap_or_else(|| panic!("no {action}: {}", self.text));
        let form = self.text[start..].split_once("</form>").unwrap().0;
        let mut values = BTreeMap::new();
        for tag in form.split('<').filter(|tag| tag.starts_with("input") || tag.starts_with("textarea")) {
            let attribute = |name: &str| {
                let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
                Some(unescaped(rest.split_once('"')?.0))
            };
            let content = tag.starts_with("textarea").then(|| unescaped(tag.split_once('>').unwrap().1));
            values.insert(attribute("name").unwrap(), content.or_else(|| attribute("value")).unwrap_or_default());
        }
        values
    }
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}

impl Browser {
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        match &self.cookie {
            Some(cookie) => request.header(COOKIE, cookie),
            None => request,
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Page {
        read(self.request(Method::GET, path)).await
    }

    /// Sends a form as the page of the same server does, with exactly these values.
    pub(crate) async fn post(&mut self, path: &str, values: &[(&str, &str)]) -> Page {
        let request = self.form_request(path, values).header(ORIGIN, &self.url);
        let page = read(request).await;
        if let Some(cookie) = page.headers.get(SET_COOKIE) {
            let cookie = cookie.to_str().unwrap();
            self.cookie = Some(cookie.split(';').next().unwrap().to_owned()).filter(|cookie| !cookie.ends_with('='));
        }
        page
    }

    /// Prepares a form without the header `Origin`.
    pub(crate) fn form_request(&self, path: &str, values: &[(&str, &str)]) -> RequestBuilder {
        let mut encoded = url::form_urlencoded::Serializer::new(String::new());
        encoded.extend_pairs(values);
        self.request(Method::POST, path)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(encoded.finish())
    }

    /// Opens a page, and sends its form with this action, after filling these fields.
    pub(crate) async fn fill(&mut self, page: &str, action: &str, fields: &[(&str, &str)]) -> Page {
        let shown = self.get(page).await;
        assert_eq!(shown.status, 200, "{page}: {}", shown.text);
        let mut values = shown.form(action);
        values.extend(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let values: Vec<_> = values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.post(action, &values).await
    }

    pub(crate) async fn sign_in(&mut self, secret: &str) -> Page {
        self.post("/sign-in", &[("secret", secret)]).await
    }
}

pub(crate) async fn read(request: RequestBuilder) -> Page {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Page { status, headers, text: response.text().await.unwrap() }
}
