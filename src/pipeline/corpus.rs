//! Real files, beside an `expected.json` of what they are.
//!
//! `PIPELINE_CORPUS` may name another folder of that kind.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::node::{Node, Value};
use super::{Definition, DimensionOrder, Interpolation, Pipeline, Step, yaml};

const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/pipelines");

#[test]
fn real_files_are_what_they_are_known_to_be() {
    let named = std::env::var_os("PIPELINE_CORPUS");
    let folder = PathBuf::from(named.unwrap_or_else(|| HERE.into()));
    // The published package has no tests, and so none of their data.
    if !folder.exists() && !PathBuf::from(HERE).with_file_name("").exists() {
        return;
    }
    let read = |name: &str| {
        let bytes =
            std::fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        String::from_utf8_lossy(&bytes).into_owned()
    };
    // JSON is YAML.
    let expected = yaml::load(&read("expected.json")).expect("expected.json can be read");
    let records = expected.value.items().expect("a list of records");
    let mut tally = Tally::default();
    for record in records {
        let file = text(record, "file").expect("the name of a file");
        check(record, &read(&file), &file, &mut tally);
    }
    println!(
        "{}: {} files, {} of them pipelines, {} refused as known, {} steps, {} jobs",
        folder.display(),
        records.len(),
        tally.pipelines,
        tally.refused,
        tally.steps,
        tally.jobs,
    );
    assert!(tally.pipelines > 0 && tally.jobs > 0);
    assert!(
        tally.wrong.is_empty(),
        "{} differ:\n{}",
        tally.wrong.len(),
        tally.wrong.join("\n")
    );
}

#[derive(Default)]
struct Tally {
    pipelines: usize,
    refused: usize,
    steps: usize,
    jobs: usize,
    wrong: Vec<String>,
}

fn check(record: &Node, source: &str, file: &str, tally: &mut Tally) {
    let mut differ = |what: String| tally.wrong.push(format!("{file}: {what}"));
    let parses = record.value_of("parses").map(|node| &node.value) == Some(&Value::Bool(true));
    let definition = match (Definition::load(source), parses) {
        (Ok(definition), true) => definition,
        (Err(_), false) => return tally.refused += 1,
        (Ok(_), false) => return differ(format!("was read, yet {:?}", text(record, "error"))),
        (Err(error), true) => return differ(format!("was not read: {error}")),
    };
    if let (Ok(documents), Some(expected)) =
        (Definition::load_all(source), number(record, "documents"))
    {
        if documents.len() != expected {
            differ(format!("{} documents, not {expected}", documents.len()));
        }
    }
    let server_refuses = findings(record).iter().any(|kind| kind == "refused");
    let known = record
        .value_of("steps")
        .and_then(|steps| steps.value.items());
    let known = known.unwrap_or_default();
    // Of what the agent passes on without understanding it nothing is known.
    let unsure = known
        .iter()
        .any(|step| step.value_of("agent_unknown").is_some());
    let pipeline = match (definition.pipeline(), server_refuses) {
        (Err(_), false) if unsure => return tally.refused += 1,
        (Ok(pipeline), false) => pipeline,
        (Err(_), true) => return tally.refused += 1,
        (Ok(_), true) => return differ("was accepted, yet the server refuses it".to_owned()),
        (Err(error), false) => return differ(error.to_string()),
    };
    let known: Vec<String> = known.iter().map(shown_record).collect();
    let shown: Vec<String> = shown_steps(&pipeline);
    for (shown, known) in shown
        .iter()
        .zip(&known)
        .filter(|(shown, known)| shown != known)
    {
        differ(format!("\n    is       {shown}\n    expected {known}"));
    }
    if shown.len() != known.len() {
        differ(format!("{} steps, not {}", shown.len(), known.len()));
    }
    let top = number(record, "step_count_top_level");
    if top.is_some_and(|top| top != pipeline.steps.len()) {
        differ(format!(
            "{} steps at the top, not {top:?}",
            pipeline.steps.len()
        ));
    }
    let all = number(record, "job_count_all");
    if all.is_some_and(|all| all != pipeline.job_count()) {
        differ(format!("{} jobs, not {all:?}", pipeline.job_count()));
    }
    if let Some(wrong) = check_interpolation(record, &definition) {
        differ(wrong);
    }
    tally.pipelines += 1;
    tally.steps += shown.len();
    tally.jobs += pipeline.job_count();
}

fn check_interpolation(record: &Node, definition: &Definition) -> Option<String> {
    let names = record
        .value_of("needs_variables")
        .and_then(|node| node.value.items());
    let names = names
        .unwrap_or_default()
        .iter()
        .filter_map(|name| name.value.text());
    // Most fill a number or a text, one a boolean.
    let filled = |name: String| {
        let value = if name == "ALLOW_FAIL" { "true" } else { "1" };
        (name, value.to_owned())
    };
    let environment: BTreeMap<String, String> = names.map(filled).collect();
    let refuses = text(record, "interpolation_error");
    match (
        definition.interpolated(Interpolation::upload(&environment)),
        refuses,
    ) {
        (Ok(_), None) | (Err(_), Some(_)) => None,
        (Ok(_), Some(why)) => Some(format!("was interpolated, yet {why}")),
        (Err(error), None) => Some(format!("was not interpolated: {error}")),
    }
}

fn shown_steps(pipeline: &Pipeline) -> Vec<String> {
    let mut shown = vec![];
    for step in &pipeline.steps {
        shown.push(shown_step(step, None));
        if let Step::Group(group) = step {
            let name = group.label.as_deref().or(group.common.key.as_deref());
            shown.extend(group.steps.iter().map(|child| shown_step(child, name)));
        }
    }
    shown
}

fn shown_step(step: &Step, group: Option<&str>) -> String {
    let mut skipped = 0;
    let kind = match step {
        Step::Command(step) => {
            let jobs = step
                .matrix
                .as_ref()
                .map(|matrix| matrix.jobs(DimensionOrder::Written));
            let jobs = jobs.unwrap_or_default();
            skipped = jobs.iter().filter(|job| job.skip.is_some()).count();
            "command"
        }
        Step::Wait(_) => "wait",
        Step::Block(_) => "block",
        Step::Input(_) => "input",
        Step::Trigger(_) => "trigger",
        Step::Group(_) => "group",
    };
    // A group is no job itself.
    let jobs = match step {
        Step::Group(_) => 0,
        Step::Command(_) | Step::Wait(_) | Step::Block(_) | Step::Input(_) | Step::Trigger(_) => {
            step.job_count() - skipped
        }
    };
    let (key, label) = (step.common().key.as_deref(), step.label());
    format!("{kind} {key:?} {label:?} in {group:?}, {jobs} jobs, {skipped} skipped")
}

fn shown_record(record: &Node) -> String {
    let [kind, key, label, group] =
        ["type", "key", "label", "group"].map(|name| text(record, name));
    let jobs = number(record, "jobs").unwrap_or(0);
    let skipped = number(record, "jobs_skipped_by_matrix").unwrap_or(0);
    let kind = kind.unwrap_or_default();
    format!("{kind} {key:?} {label:?} in {group:?}, {jobs} jobs, {skipped} skipped")
}

fn findings(record: &Node) -> Vec<String> {
    let findings = record
        .value_of("findings")
        .and_then(|node| node.value.items());
    let findings = findings.unwrap_or_default().iter();
    findings
        .filter_map(|finding| text(finding, "kind"))
        .collect()
}

fn text(record: &Node, name: &str) -> Option<String> {
    record.value_of(name)?.value.string().map(str::to_owned)
}

fn number(record: &Node, name: &str) -> Option<usize> {
    record.value_of(name)?.value.text()?.parse().ok()
}
