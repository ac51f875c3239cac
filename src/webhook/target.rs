//! Where a webhook goes: plain HTTP, on this machine unless a test names another.

use crate::vocabulary::slip::wording;

/// An address, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// Without the brackets of an IPv6 address.
    pub(super) host: String,
    pub(super) port: u16,
    /// What the `Host` header says.
    pub(super) authority: String,
    /// The path with its query.
    pub(super) path: String,
}

impl Target {
    /// Takes a URL apart.
    ///
    /// # Errors
    ///
    /// If nothing can be sent there, with a sentence that says why and what could be done.
    pub(crate) fn parse(url: &str, allowed: &[String]) -> Result<Self, String> {
        let target = Self::take_apart(url)
            .map_err(|why| format!("`{url}` is no address for a webhook: {why}"))?;
        let is_allowed = allowed
            .iter()
            .any(|host| host.eq_ignore_ascii_case(&target.host));
        if target.is_loopback() || is_allowed {
            return Ok(target);
        }
        let host = &target.host;
        let mut choices = "localhost, 127.0.0.1 and [::1]".to_owned();
        for also in allowed {
            choices.push_str(", and ");
            choices.push_str(also);
        }
        Err(format!(
            "webhooks of this fake go to {choices}, and not to `{host}`; if the test means that host, {}",
            wording(
                &format!("its builder says so: `.allow_webhook_host(\"{host}\")`"),
                &format!("the server is told so: `--allow-webhook-host {host}`")
            )
        ))
    }

    fn take_apart(url: &str) -> Result<Self, String> {
        let rest = match url.split_once("://") {
            Some(("http", rest)) => rest,
            Some(("https", _)) => {
                return Err("the fake speaks plain HTTP, so it begins with `http://`".to_owned());
            }
            Some(_) | None => return Err("it does not begin with `http://`".to_owned()),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (host, port) = match authority.rsplit_once(':') {
            // The last colon of a bare IPv6 address is no port's.
            Some((host, port)) if !port.ends_with(']') => {
                let port = port.parse().map_err(|_| format!("`{port}` is no port"))?;
                (host, port)
            }
            Some(_) | None => (authority, 80),
        };
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host);
        let is_name = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
        if bare.is_empty() || !bare.chars().all(is_name) {
            return Err(format!("`{host}` is no host"));
        }
        if !path.chars().all(|c| c.is_ascii_graphic()) {
            return Err("its path has characters that need percent-encoding".to_owned());
        }
        Ok(Self {
            host: bare.to_owned(),
            port,
            authority: authority.to_owned(),
            path: if path.starts_with('/') {
                path.to_owned()
            } else {
                format!("/{path}")
            },
        })
    }

    pub(super) fn is_localhost(&self) -> bool {
        self.host.eq_ignore_ascii_case("localhost")
    }

    fn is_loopback(&self) -> bool {
        let address = self.host.parse::<std::net::IpAddr>();
        self.is_localhost() || address.is_ok_and(|address| address.is_loopback())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(url: &str) -> Result<(String, u16, String, String), String> {
        let Target {
            host,
            port,
            authority,
            path,
        } = Target::parse(url, &["ci.example".to_owned()])?;
        Ok((host, port, authority, path))
    }

    #[test]
    fn addresses_are_taken_apart() {
        for (url, host, port, authority, path) in [
            ("http://127.0.0.1:80/", "127.0.0.1", 80, "127.0.0.1:80", "/"),
            ("http://localhost", "localhost", 80, "localhost", "/"),
            ("http://[::1]:9/a?b=c#d", "::1", 9, "[::1]:9", "/a?b=c"),
            ("http://[::1]", "::1", 80, "[::1]", "/"),
            ("http://127.9.9.9:1?x", "127.9.9.9", 1, "127.9.9.9:1", "/?x"),
            (
                "http://CI.example:8/h",
                "CI.example",
                8,
                "CI.example:8",
                "/h",
            ),
        ] {
            let expected = (host.into(), port, authority.into(), path.into());
            assert_eq!(parts(url), Ok(expected), "{url}");
        }
    }

    #[test]
    fn what_cannot_be_told_is_refused_with_a_sentence() {
        for (url, why) in [
            ("https://localhost/", "the fake speaks plain HTTP"),
            ("localhost:80", "it does not begin with `http://`"),
            ("ftp://localhost", "it does not begin with `http://`"),
            ("http://", "`` is no host"),
            ("http://a@localhost/", "`a@localhost` is no host"),
            ("http://localhost:http/", "`http` is no port"),
            ("http://localhost:65536/", "`65536` is no port"),
            ("http://localhost/a b", "percent-encoding"),
            ("http://example.com/", "and not to `example.com`"),
            ("http://10.0.0.1/", "and not to `10.0.0.1`"),
            (
                "http://localhost.evil/",
                ".allow_webhook_host(\"localhost.evil\")",
            ),
        ] {
            let refused = parts(url).expect_err(url);
            assert!(refused.contains(why), "{url}: {refused}");
        }
    }
}
