//! Parses database URLs by libpq's rules, before sqlx sees them.
//!
//! sqlx logs the values of parameters that it does not know, and connects to this machine even if the scheme is
//! unknown. The URL is therefore parsed and checked here, and only known values are passed to sqlx. No error and no log
//! line repeats a part of the URL that may be a password: an unescaped password can end up anywhere in it.

mod error;
mod parameters;

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use eqp_types::Secret;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sqlx::postgres::PgConnectOptions;
use url::form_urlencoded::Serializer;

use self::parameters::{checked, known, unknown};

pub use self::error::DatabaseUrlError;
use self::error::{refused, several_hosts};
pub use self::parameters::PARAMETER_NAMES;

type Result<T = (), E = DatabaseUrlError> = std::result::Result<T, E>;

const EXAMPLE: &str = "write it like postgres://user@host:5432/database";
/// Characters that need no escape anywhere in a URL.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// Schemes of other programs and databases, which errors may repeat. Any other scheme might be part of a password.
const FOREIGN_SCHEMES: [&str; 12] = [
    "jdbc:postgresql",
    "jdbc:mysql",
    "mysql",
    "mariadb",
    "https",
    "http",
    "sqlite",
    "mssql",
    "sqlserver",
    "mongodb",
    "redis",
    "file",
];

/// A checked database URL.
///
/// `Debug` and `Display` show neither the password nor the parameters.
#[derive(Clone, Default)]
pub struct DatabaseUrl {
    user: Option<String>,
    password: Option<Secret>,
    /// A name, an address without brackets, or the folder of a Unix socket.
    host: Option<String>,
    port: Option<u16>,
    database: Option<String>,
    /// Further parameters, by the names that sqlx knows.
    parameters: Vec<(&'static str, String)>,
}

impl DatabaseUrl {
    /// Parses and checks a URL.
    ///
    /// # Errors
    /// Returns a [`DatabaseUrlError`] if the URL is malformed or has an unsupported parameter. The error repeats no
    /// part of the URL that may be a password.
    pub fn parse(text: &Secret) -> Result<Self> {
        let rest = after_scheme(text.expose())?;
        if rest.contains(|letter: char| letter.is_whitespace() || letter.is_control()) {
            return Err(refused("it contains a space, a line end or another control character")
                .hint("write a space in a name or password as %20"));
        }
        let (authority, tail) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if tail.contains('@') {
            return Err(refused("an unescaped `/`, `?` or `#` precedes an `@`")
                .hint("in a user name or password write `/` as %2F, `?` as %3F and `#` as %23; elsewhere `@` as %40"));
        }
        if tail.contains('#') {
            return Err(refused("it contains a `#`").hint("write `#` as %23"));
        }
        let mut url = Self::default();
        let hosts = match authority.split_once('@') {
            None => authority,
            Some((_, hosts)) if hosts.contains('@') => {
                return Err(
                    refused("it contains more than one `@`").hint("in a user name or password write `@` as %40")
                );
            }
            Some((credentials, hosts)) => {
                let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
                url.user = not_empty(decoded(user, "user name")?);
                url.password = not_empty(decoded(password, "password")?).map(Secret::new);
                hosts
            }
        };
        url.read_host(hosts)?;
        let (path, query) = tail.split_once('?').unwrap_or((tail, ""));
        url.database = not_empty(decoded(path.strip_prefix('/').unwrap_or(path), "database name")?);
        url.read_parameters(query)?;
        Ok(url)
    }

    /// Returns whether the URL contains a password or a private key.
    pub fn has_secret(&self) -> bool {
        self.password.is_some()
            || self.parameters.iter().any(|(name, value)| *name == "sslkey" && value.contains("-----"))
    }

    /// Returns the URL as connect options of sqlx, which reads a missing password from `PGPASSWORD` or the user's
    /// `.pgpass`.
    ///
    /// # Errors
    /// Returns an error if sqlx cannot use one of the parameters.
    pub fn connect_options(&self) -> Result<PgConnectOptions> {
        let mut query = Serializer::new(String::new());
        let port = self.port.map(|port| port.to_string());
        let parts = [("host", &self.host), ("port", &port), ("user", &self.user), ("dbname", &self.database)];
        query.extend_pairs(parts.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?))));
        query.extend_pairs(&self.parameters);
        let options: PgConnectOptions = format!("postgres:///?{}", query.finish())
            .parse()
            // Its message may repeat a value.
            .map_err(|_| refused("one of its parameters cannot be used"))?;
        Ok(match &self.password {
            Some(password) => options.password(password.expose()),
            None => options,
        })
    }

    fn read_host(&mut self, text: &str) -> Result {
        if text.contains(',') {
            return Err(several_hosts());
        }
        let (host, port) = if let Some(bracketed) = text.strip_prefix('[') {
            let (address, port) = bracketed.split_once(']').ok_or_else(|| refused("the host has a `[` without `]`"))?;
            if address.parse::<Ipv6Addr>().is_err() {
                return Err(refused("the text in brackets is not an IPv6 address"));
            }
            let port = port.strip_prefix(':').or(port.is_empty().then_some(""));
            (address, port.ok_or_else(|| refused("the host is followed by something other than a port"))?)
        } else {
            let (host, port) = text.split_once(':').unwrap_or((text, ""));
            if port.contains(':') {
                return Err(refused("the host contains several `:`").hint("write an IPv6 address in brackets: [::1]"));
            }
            (host, port)
        };
        self.set_host(decoded(host, "host")?)?;
        if !port.is_empty() {
            self.port = Some(port_number(port)?);
        }
        Ok(())
    }

    fn set_host(&mut self, host: String) -> Result {
        if host.contains(',') {
            return Err(several_hosts());
        }
        if host.starts_with('@') {
            return Err(refused("sockets in the abstract namespace are not supported"));
        }
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).map(str::to_owned).unwrap_or(host);
        let is_name = |host: &str| !host.contains(['/', ':', '[', ']', '?', '#', '@', '%']);
        if !(host.starts_with('/') || host.parse::<IpAddr>().is_ok() || is_name(&host)) {
            return Err(refused("the host is neither a name, an address nor an absolute path"));
        }
        // As in libpq, a host in the query takes precedence over the one before it.
        self.host = not_empty(host).or(self.host.take());
        Ok(())
    }

    fn read_parameters(&mut self, query: &str) -> Result {
        let mut has_host = false;
        let mut may_be_password = false;
        for (at, pair) in query.split('&').enumerate().filter(|_| !query.is_empty()) {
            let Some((name, value)) = pair.split_once('=') else {
                return Err(refused(format!("its parameter number {} has no value", at + 1))
                    .hint("in a password write `&` as %26 and `?` as %3F"));
            };
            let name = decoded(name, "name of a parameter")?;
            let Some(known) = known(&name) else { return Err(unknown(&name, at, may_be_password)) };
            may_be_password |= known == "password";
            let value = decoded(value, &format!("parameter `{name}`"))?;
            match known {
                "hostaddr" if value.parse::<IpAddr>().is_err() => {
                    return Err(refused("the parameter `hostaddr` is not an IP address"));
                }
                "host" | "hostaddr" if std::mem::replace(&mut has_host, true) => {
                    return Err(refused("it contains several of the parameters `host` and `hostaddr`")
                        .hint("specify the host once"));
                }
                "host" | "hostaddr" => self.set_host(value)?,
                "port" => self.port = Some(port_number(&value)?),
                "user" => self.user = not_empty(value),
                "password" => self.password = not_empty(value).map(Secret::new),
                "dbname" => self.database = not_empty(value),
                _ => self.parameters.push((known, checked(&name, value)?)),
            }
        }
        Ok(())
    }
}

/// Returns the part after `postgres://`.
fn after_scheme(text: &str) -> Result<&str> {
    let Some((scheme, rest)) = text.split_once("://") else {
        let is_keywords = text.contains("host=") || text.contains("dbname=");
        let why = if is_keywords {
            "it is written as keywords and values, not as a URL"
        } else {
            "it does not begin with postgres://"
        };
        return Err(refused(why).hint(EXAMPLE));
    };
    let scheme = scheme.to_ascii_lowercase();
    if scheme == "postgres" || scheme == "postgresql" {
        return Ok(rest);
    }
    Err(match FOREIGN_SCHEMES.iter().find(|foreign| **foreign == scheme) {
        Some(foreign) => refused(format!("its scheme is `{foreign}`, not `postgres`")),
        None => refused("its scheme is not `postgres`"),
    }
    .hint(EXAMPLE))
}

fn port_number(text: &str) -> Result<u16> {
    text.parse().ok().filter(|port| *port != 0).ok_or_else(|| refused("its port is not a number from 1 to 65535"))
}

/// Decodes percent-encoding. Fails if it is malformed.
fn decoded(text: &str, what: &str) -> Result<String> {
    let is_escape = |rest: &str| rest.as_bytes().get(..2).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit));
    if !text.split('%').skip(1).all(is_escape) {
        return Err(refused(format!("a `%` in its {what} is not followed by two hexadecimal digits"))
            .hint("write a `%` as %25"));
    }
    let decoded = percent_decode_str(text).decode_utf8().map(Cow::into_owned);
    let decoded = decoded.map_err(|_| refused(format!("its {what} is not UTF-8")))?;
    if decoded.contains('\0') {
        return Err(refused(format!("its {what} contains a null character")));
    }
    Ok(decoded)
}

fn not_empty(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("postgres://")?;
        if let Some(user) = &self.user {
            write!(f, "{}@", utf8_percent_encode(user, ESCAPED))?;
        }
        match &self.host {
            Some(host) if host.contains(':') => write!(f, "[{host}]")?,
            Some(host) => write!(f, "{}", utf8_percent_encode(host, ESCAPED))?,
            None => {}
        }
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        write!(f, "/{}", utf8_percent_encode(self.database.as_deref().unwrap_or_default(), ESCAPED))
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<DatabaseUrl> {
        DatabaseUrl::parse(&Secret::new(text))
    }

    /// Returns host, port, user, password and database as sqlx gets them.
    fn read(text: &str) -> (String, u16, String, Option<String>, Option<String>) {
        let url = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let options = url.connect_options().unwrap();
        let host = options.get_socket().map_or(options.get_host().to_owned(), |socket| socket.display().to_string());
        let password = url.password.as_ref().map(|password| password.expose().to_owned());
        let database = options.get_database().map(str::to_owned);
        (host, options.get_port(), options.get_username().to_owned(), password, database)
    }

    #[test]
    fn urls_are_read_as_libpq_reads_them() {
        let some = |text: &str| Some(text.to_owned());
        for (url, host, port, user, password, database) in [
            ("postgres://me@db.example.com/eqp", "db.example.com", 5432, "me", None, some("eqp")),
            ("postgresql://me:pw@db:6000/eqp?sslmode=require", "db", 6000, "me", some("pw"), some("eqp")),
            ("POSTGRES://me@db/eqp", "db", 5432, "me", None, some("eqp")),
            ("postgres://me@[::1]:6000/eqp", "::1", 6000, "me", None, some("eqp")),
            ("postgres://me@[2001:db8::1]/eqp", "2001:db8::1", 5432, "me", None, some("eqp")),
            ("postgres://me@/eqp?host=db&port=6000", "db", 6000, "me", None, some("eqp")),
            ("postgres:///eqp?host=::1&user=me", "::1", 5432, "me", None, some("eqp")),
            ("postgres://db?user=me&dbname=eqp", "db", 5432, "me", None, some("eqp")),
            ("postgres://me@old/eqp?host=new", "new", 5432, "me", None, some("eqp")),
            ("postgres://me@db:/eqp", "db", 5432, "me", None, some("eqp")),
            ("postgres://me@/eqp?hostaddr=10.0.0.1", "10.0.0.1", 5432, "me", None, some("eqp")),
            ("postgres://me@%2Fvar%2Frun%2Fpg/eqp", "/var/run/pg", 5432, "me", None, some("eqp")),
            ("postgres:///eqp?host=/var/run/pg&user=me", "/var/run/pg", 5432, "me", None, some("eqp")),
            ("postgres://m%40e:p%3A%2F%3F%23%40%25@db/e%20p", "db", 5432, "m@e", some("p:/?#@%"), some("e p")),
            // Neither a second colon nor a plus has a meaning in a password.
            ("postgres://me:p:q+r@db/eqp", "db", 5432, "me", some("p:q+r"), some("eqp")),
            ("postgres://me@db/eqp?password=p+q%26r", "db", 5432, "me", some("p+q&r"), some("eqp")),
            ("postgres://me:@db/eqp", "db", 5432, "me", None, some("eqp")),
            ("postgres://me@db/eqp?ssl=true&application_name=x", "db", 5432, "me", None, some("eqp")),
        ] {
            assert_eq!(read(url), (host.to_owned(), port, user.to_owned(), password, database), "{url}");
        }
    }

    #[test]
    fn what_cannot_be_used_is_refused_with_the_reason_and_without_a_secret() {
        for (url, reason) in [
            ("jdbc:postgresql://db/eqp?user=me&password=hush", "its scheme is `jdbc:postgresql`"),
            ("mysql://me:hush@db/eqp", "its scheme is `mysql`"),
            ("https://me:hush@db/eqp", "its scheme is `https`"),
            ("hush://me@db/eqp", "its scheme is not `postgres`"),
            ("me:hush@db/eqp", "does not begin with postgres://"),
            ("host=db password=hush", "keywords and values"),
            ("postgres://me:hush@a,b/eqp", "several hosts"),
            ("postgres://me:hush@a:1,b:2/eqp", "several hosts"),
            ("postgres://me:hush@/eqp?host=a,b", "several hosts"),
            ("postgres://me:hush@::1/eqp", "several `:`"),
            ("postgres://me:hush@[::g]/eqp", "not an IPv6 address"),
            ("postgres://me:hush@[::1/eqp", "`[` without `]`"),
            ("postgres://me:hush@db:hush/eqp", "port"),
            ("postgres://me:hush@db:0/eqp", "port"),
            ("postgres://me:hush@db/eqp?port=hush", "port"),
            ("postgres://me:hush@db/eqp?hostaddr=hush", "`hostaddr`"),
            ("postgres://me:hush@db/eqp?host=a&hostaddr=10.0.0.1", "several of the parameters"),
            // A password that was not escaped.
            ("postgres://me:hu?sh@db/eqp", "an unescaped `/`, `?` or `#`"),
            ("postgres://me:hu/sh@db/eqp", "an unescaped `/`, `?` or `#`"),
            ("postgres://me:12/hush@db/eqp", "an unescaped `/`, `?` or `#`"),
            ("postgres://me:hu#sh@db/eqp", "an unescaped `/`, `?` or `#`"),
            ("postgres://me:hu@sh@db/eqp", "more than one `@`"),
            ("postgres://me:hu%sh@db/eqp", "its password is not followed by two hexadecimal digits"),
            ("postgres://me:hu%00sh@db/eqp", "null character"),
            ("postgres://me:hu%ffsh@db/eqp", "its password is not UTF-8"),
            ("postgres://me:hu sh@db/eqp", "a space"),
            ("postgres://me:hu\nsh@db/eqp", "a line end"),
            ("postgres://db/eqp?password=a&hush", "parameter number 2 has no value"),
            ("postgres://db/eqp?password=a&hush=b", "parameter number 2 is not supported"),
            ("postgres://db/eqp#hush", "contains a `#`"),
            // Parameters.
            ("postgres://db/eqp?Password=hush", "`Password` is not supported"),
            ("postgres://db/eqp?PASSWORD=hush", "`PASSWORD` is not supported"),
            ("postgres://db/eqp?sslpassword=hush", "`sslpassword` is not supported"),
            ("postgres://db/eqp?pass%77ord1=hush", "`password1` is not supported"),
            ("postgres://db/eqp?target_session_attrs=hush", "`target_session_attrs` is not supported"),
            ("postgres://db/eqp?sslmode=hush", "`sslmode` is not one of"),
            ("postgres://db/eqp?ssl=hush", "`ssl` is not `true`"),
            ("postgres://db/eqp?statement-cache-capacity=hush", "`statement-cache-capacity`"),
        ] {
            let error = parse(url).err().unwrap_or_else(|| panic!("{url} is refused"));
            let shown = format!("{error} {error:?}");
            assert!(shown.contains(reason), "{url}: {shown}");
            assert!(!shown.contains("hush") && !shown.contains("sh@") && !shown.contains("hu%"), "{url}: {shown}");
        }
    }

    #[test]
    fn what_is_shown_has_neither_password_nor_parameters() {
        for (url, shown) in [
            ("postgres://me:hush@h:1/d?sslmode=require", "postgres://me@h:1/d"),
            ("postgres://h/d?password=hush", "postgres://h/d"),
            ("postgres://m%40e@[::1]:1/d?sslkey=hush", "postgres://m%40e@[::1]:1/d"),
            ("postgres:///d?host=/run/pg", "postgres://%2Frun%2Fpg/d"),
        ] {
            let url = parse(url).unwrap();
            assert_eq!((url.to_string(), format!("{url:?}")), (shown.to_owned(), shown.to_owned()));
            assert_eq!(parse(shown).unwrap().to_string(), shown);
        }
    }
}
