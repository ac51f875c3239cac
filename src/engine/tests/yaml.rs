//! Pipelines as plain values, and how they become YAML.
//!
//! Steps know each other by how far apart they stand, so that what is left after some were taken out still means the
//! same.
//!
//! Elsewhere: what the values are drawn from (`attributes`).

use std::fmt::{self, Write as _};

use crate::engine::pipeline::{Intermediate, Settings};
use crate::script::{Attempt, Ending, PickUp, Predicate, Scripts, Takes};

/// One pipeline of a world.
#[derive(Debug, Clone)]
pub(super) struct PipelineSpec {
    pub(super) settings: SettingsSpec,
    /// Attributes of the file, `name: value`.
    pub(super) top: Vec<&'static str>,
    pub(super) steps: Vec<StepSpec>,
}

/// What is set on a pipeline, as far as it moves builds.
#[derive(Debug, Clone)]
pub(super) struct SettingsSpec {
    pub(super) default_branch: &'static str,
    pub(super) allow_rebuilds: bool,
    /// Minutes.
    pub(super) default_timeout: Option<u32>,
    /// Minutes.
    pub(super) maximum_timeout: Option<u32>,
    /// The filter of branches, if it is on.
    pub(super) skip_queued: Option<&'static str>,
    pub(super) cancel_running: Option<&'static str>,
}

#[derive(Debug, Clone)]
pub(super) struct StepSpec {
    pub(super) kind: Kind,
    /// Under which name it has one, if it has.
    pub(super) key: Option<&'static str>,
    pub(super) depends_on: Option<DependsOn>,
    /// `name: value`, or several that belong together.
    pub(super) attributes: Vec<&'static str>,
    /// What the attempts of a command do; the default script if there are none.
    pub(super) script: Vec<Attempt>,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    Command,
    /// A command step that has plugins only.
    Plugins,
    /// A word alone.
    Bare(&'static str),
    Wait,
    Block,
    Input,
    /// Of the pipeline that many places further on.
    Trigger(i8),
    Group(Vec<StepSpec>),
}

#[derive(Debug, Clone)]
pub(super) enum DependsOn {
    Null,
    Text(Back),
    List(Vec<Dependency>),
}

/// How many steps before the one that says it; none is the step itself, less is one after it.
pub(super) type Back = i8;

#[derive(Debug, Clone)]
pub(super) struct Dependency {
    pub(super) step: Back,
    /// A mapping that says so, or a key alone.
    pub(super) allow_failure: Option<&'static str>,
}

/// The name, and the slug, of a pipeline by its place in the world.
pub(super) fn name_of(pipeline: usize, further: i8) -> String {
    match pipeline.checked_add_signed(further.into()) {
        Some(pipeline) => format!("p{pipeline}"),
        None => "nowhere".to_owned(),
    }
}

impl PipelineSpec {
    /// The file of a pipeline at this place in the world.
    pub(super) fn yaml(&self, pipeline: usize) -> String {
        self.yaml_from(pipeline, 0)
    }

    /// The same with its steps numbered from another number.
    pub(super) fn yaml_from(&self, pipeline: usize, first: usize) -> String {
        let mut text = String::new();
        for attribute in &self.top {
            writeln!(text, "{attribute}").expect("a String");
        }
        if self.steps.is_empty() {
            return text + "steps: []\n";
        }
        text.push_str("steps:\n");
        let mut place = first;
        for step in &self.steps {
            writeln!(text, "  - {}", step.yaml(&mut place, pipeline)).expect("a String");
        }
        text
    }

    pub(super) fn settings(&self) -> Settings {
        let intermediate = |filter: Option<&str>| Intermediate {
            is_on: filter.is_some(),
            filter: filter.map(str::to_owned),
        };
        Settings {
            default_branch: self.settings.default_branch.to_owned(),
            allow_rebuilds: self.settings.allow_rebuilds,
            default_command_step_timeout: self.settings.default_timeout,
            maximum_command_step_timeout: self.settings.maximum_timeout,
            skip_queued: intermediate(self.settings.skip_queued),
            cancel_running: intermediate(self.settings.cancel_running),
            ..Settings::for_repository("git@github.com:acme/app.git".to_owned())
        }
    }

    /// Tells the scripts of the steps, each to the name its jobs have.
    pub(super) fn tell(&self, scripts: &mut Scripts) {
        for (place, step) in self.flat() {
            if step.script.is_empty() {
                continue;
            }
            let name = step.name(place);
            let rule = if place % 3 == 2 {
                scripts.add_when(Predicate::new(move |job| {
                    [job.key(), job.command()].contains(&Some(name.as_str()))
                }))
            } else {
                scripts.add(&name)
            };
            for (n, attempt) in step.script.iter().enumerate() {
                if n > 0 {
                    scripts.then(rule);
                }
                *scripts.last_attempt(rule) = attempt.clone();
            }
        }
    }

    /// The scripts in words, one a line.
    pub(super) fn told(&self) -> Vec<String> {
        let scripted = self
            .flat()
            .into_iter()
            .filter(|(_, step)| !step.script.is_empty());
        let line = |(place, step): (usize, &StepSpec)| {
            let attempts: Vec<_> = step.script.iter().map(told).collect();
            format!("`{}` {}", step.name(place), attempts.join(", then "))
        };
        scripted.map(line).collect()
    }

    /// Every step with its place, groups and what is in them included.
    fn flat(&self) -> Vec<(usize, &StepSpec)> {
        fn add<'s>(steps: &'s [StepSpec], all: &mut Vec<(usize, &'s StepSpec)>) {
            for step in steps {
                all.push((all.len(), step));
                if let Kind::Group(inner) = &step.kind {
                    add(inner, all);
                }
            }
        }
        let mut all = Vec::new();
        add(&self.steps, &mut all);
        all
    }
}

/// What is not as it is by itself.
impl fmt::Display for SettingsSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            default_branch,
            allow_rebuilds,
            default_timeout,
            maximum_timeout,
            skip_queued,
            cancel_running,
        } = self;
        if *default_branch != "main" {
            write!(f, ", default branch {default_branch}")?;
        }
        if !allow_rebuilds {
            f.write_str(", no rebuilds")?;
        }
        if let Some(minutes) = default_timeout {
            write!(f, ", default timeout {minutes} min")?;
        }
        if let Some(minutes) = maximum_timeout {
            write!(f, ", maximum timeout {minutes} min")?;
        }
        if let Some(filter) = skip_queued {
            write!(f, ", skips queued builds of `{filter}`")?;
        }
        if let Some(filter) = cancel_running {
            write!(f, ", cancels running builds of `{filter}`")?;
        }
        Ok(())
    }
}

impl StepSpec {
    /// What a script calls it.
    fn name(&self, place: usize) -> String {
        if self.key.is_some() {
            format!("k{place}")
        } else {
            format!("make {place} all")
        }
    }

    fn yaml(&self, place: &mut usize, pipeline: usize) -> String {
        let n = *place;
        *place += 1;
        let mut parts = Vec::new();
        match &self.kind {
            Kind::Bare(word) => return (*word).to_owned(),
            Kind::Command if n % 4 == 3 => parts.push(format!("commands: [make {n} all, 'true']")),
            Kind::Command => parts.push(format!("command: make {n} all")),
            Kind::Plugins => parts.push("plugins: [{docker#v1: {image: a}}, cache]".to_owned()),
            Kind::Wait => parts.push("wait: ~".to_owned()),
            Kind::Block => parts.push(format!("block: Gate {n}")),
            Kind::Input => parts.push(format!("input: Name {n}")),
            Kind::Trigger(further) => {
                parts.push(format!("trigger: {}", name_of(pipeline, *further)));
            }
            Kind::Group(_) => parts.push(format!("group: Part {n}")),
        }
        if let Some(name) = self.key {
            parts.push(format!("{name}: k{n}"));
        }
        if let Some(on) = &self.depends_on {
            parts.push(format!("depends_on: {}", on.yaml(n)));
        }
        parts.extend(self.attributes.iter().map(|&text| text.to_owned()));
        if let Kind::Group(steps) = &self.kind {
            let steps: Vec<_> = steps
                .iter()
                .map(|step| step.yaml(place, pipeline))
                .collect();
            parts.push(format!("steps: [\n      {}]", steps.join(",\n      ")));
        }
        format!("{{{}}}", parts.join(", "))
    }
}

impl DependsOn {
    fn yaml(&self, place: usize) -> String {
        // A key that no step has, if there is none that far away.
        let key = |back: Back| match place.checked_add_signed(-isize::from(back)) {
            Some(place) => format!("k{place}"),
            None => "nowhere".to_owned(),
        };
        match self {
            Self::Null => "~".to_owned(),
            Self::Text(step) => key(*step),
            Self::List(list) => {
                let one = |one: &Dependency| match one.allow_failure {
                    None => key(one.step),
                    Some(allow) => format!("{{step: {}, allow_failure: {allow}}}", key(one.step)),
                };
                let list: Vec<_> = list.iter().map(one).collect();
                format!("[{}]", list.join(", "))
            }
        }
    }
}

fn told(attempt: &Attempt) -> String {
    let picked_up = match attempt.pick_up {
        PickUp::After(wait) => format!("is picked up after {wait}"),
        PickUp::AfterPolls(polls) => format!("is picked up after {polls} polls"),
        PickUp::Never => "is never picked up".to_owned(),
    };
    let takes = match attempt.takes {
        Takes::Exactly(duration) => format!("takes {duration}"),
        Takes::Between(least, most) => format!("takes {least} to {most}"),
        Takes::Forever => "hangs".to_owned(),
        Takes::Polls(polls) => format!("takes {polls} polls"),
    };
    let ends = match &attempt.ending {
        Ending::Exits(exit) => format!("{exit:?}"),
        Ending::AgentFallsSilent => "its agent falls silent".to_owned(),
    };
    let acts: Vec<_> = attempt
        .acts
        .iter()
        .map(|(when, act)| format!("{when:?} {act:?}"))
        .collect();
    format!("{picked_up}, {takes}, {ends} [{}]", acts.join(", "))
}
