//! Behaviour, through the public API and a plain HTTP client.
//!
//! Each module is one behaviour; each test reads as given, when, then.

mod agents;
mod archive;
mod arrows;
mod blocked;
mod concurrency;
mod conditions;
mod derived;
mod determinism;
mod documented;
mod edge;
mod edges;
mod errors;
mod expansion;
mod explore;
mod golden;
mod groups;
mod hands;
mod headers;
mod hosting;
mod intermediate;
mod life;
mod lists;
mod notify;
mod odd;
mod pages;
mod pipelines;
mod polls;
mod promises;
mod providers;
mod real_files;
mod recipes;
mod recorded;
mod retries;
mod rules;
mod settings;
mod snapshots;
mod soft;
mod story;
mod support;
mod time;
mod triggers;
mod uploads;
mod verify;
