//! Which form of an answer a client would like, where there is more than JSON.

use crate::http::request::Request;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Json,
    Text,
    Html,
}

impl Form {
    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json; charset=utf-8",
            Self::Text => "text/plain; charset=utf-8",
            Self::Html => "text/html; charset=utf-8",
        }
    }
}

/// The most wanted of the forms in `Accept`, the first of several; JSON if there is none.
pub(super) fn wanted(request: &Request) -> Form {
    let accept = request.header("accept").unwrap_or_default();
    let mut best = (Form::Json, 0.0);
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let form = match parts
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase()
            .as_str()
        {
            "application/json" | "application/*" | "*/*" => Form::Json,
            "text/plain" | "text/*" => Form::Text,
            "text/html" => Form::Html,
            _ => continue,
        };
        let weight = parts.find_map(|part| part.strip_prefix("q=")?.parse().ok());
        let weight: f32 = weight.unwrap_or(1.0);
        if weight > best.1 {
            best = (form, weight);
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::request::Method;

    #[test]
    fn the_most_wanted_form_is_given() {
        let table = [
            (None, Form::Json),
            (Some("*/*"), Form::Json),
            (Some("application/json"), Form::Json),
            (Some("text/plain"), Form::Text),
            (Some("TEXT/Plain; charset=utf-8"), Form::Text),
            (Some("text/html"), Form::Html),
            (Some("text/plain, */*"), Form::Text),
            (Some("application/json, text/plain, */*"), Form::Json),
            (Some("text/plain;q=0.5, text/html;q=0.9"), Form::Html),
            (Some("text/plain;q=0"), Form::Json),
            (Some("image/png"), Form::Json),
            (Some("image/png, text/*;q=0.1"), Form::Text),
        ];
        for (accept, expected) in table {
            let request = Request {
                method: Method::Get,
                path: "/".to_owned(),
                query: String::new(),
                headers: accept
                    .map(|accept| ("accept".to_owned(), accept.to_owned()))
                    .into_iter()
                    .collect(),
                body: bytes::Bytes::new(),
                via: crate::http::request::Via::Memory,
                record: std::sync::OnceLock::new(),
            };
            assert_eq!(wanted(&request), expected, "{accept:?}");
        }
    }
}
