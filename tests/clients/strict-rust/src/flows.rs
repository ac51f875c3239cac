//! One function, one flow.

mod reads;
mod writes;

pub const FLOWS: &[(&str, fn())] = &[
    ("account", reads::account),
    ("read_builds", reads::builds),
    ("read_jobs", reads::jobs),
    ("read_pipelines", reads::pipelines),
    ("read_agents", reads::agents),
    ("read_clusters", reads::clusters),
    ("read_teams", reads::teams),
    ("polls", writes::polls),
    ("write_builds", writes::builds),
    ("write_jobs", writes::jobs),
    ("write_notes_and_files", writes::notes_and_files),
    ("write_pipelines", writes::pipelines),
    ("write_schedules", writes::schedules),
    ("write_agents", writes::agents),
    ("write_clusters", writes::clusters),
    ("write_teams", writes::teams),
    ("write_members_and_tokens", writes::members_and_tokens),
    ("refusals", writes::refusals),
];
