//! wiremock, to compare with.

use wiremock::{Mock, MockServer, ResponseTemplate};

use super::client::Captured;

/// wiremock with one answer to everything, not from its pool. It keeps every request, as the fake does.
pub(crate) async fn wiremock(like: &Captured) -> MockServer {
    let server = MockServer::builder().start().await;
    let mut template = ResponseTemplate::new(200);
    for (name, value) in &like.headers {
        template = template.append_header(name, value);
    }
    template = template.set_body_bytes(like.body.to_vec());
    Mock::given(wiremock::matchers::any())
        .respond_with(template)
        .mount(&server)
        .await;
    server
}
