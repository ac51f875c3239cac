//! What goes wrong on purpose: which requests, when, and what becomes of them.

mod gates;
mod limits;
mod observed;
mod outages;
mod rules;
mod waiting;
