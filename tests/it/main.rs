//! Behaviour, through the public API and a plain HTTP client.
mod smoke;
