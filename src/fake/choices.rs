//! What a test could have meant, when it names something that is not there.
//!
//! A message of that kind reads ``no pipeline `sit`; this fake has `site`, `docs` ``, or, of something inside something
//! else, ``no build 7 in pipeline `app`; it has 1, 2``.

use std::fmt;

use crate::engine::Engine;
use crate::engine::account::OrganizationKey;

/// The choices: each in backticks, or `none`.
pub(super) fn listed(names: impl IntoIterator<Item = impl fmt::Display>) -> String {
    let names = names.into_iter().map(|name| format!("`{name}`"));
    joined(names)
}

/// The same, of what is no text of somebody's.
pub(super) fn joined(names: impl IntoIterator<Item = String>) -> String {
    let names: Vec<_> = names.into_iter().collect();
    if names.is_empty() {
        return "none".to_owned();
    }
    names.join(", ")
}

/// Who has the choices, when they are those of one organization: the fake, unless it has others.
pub(super) fn owner(engine: &Engine, organization: OrganizationKey) -> String {
    match engine.organizations().count() {
        1 => "this fake".to_owned(),
        _ => format!("organization `{}`", engine.organization(organization).slug),
    }
}
