//! What the command line says.

use std::ffi::OsString;
use std::fs;
use std::str::FromStr;
use std::time::Duration;

use fake_buildkite::{
    AgentSpec, Agents, Clock, FakeBuildkite, FakeBuildkiteBuilder, Scope, nearest_name,
};
use lexopt::prelude::*;

/// What `--help` prints.
pub(crate) const HELP: &str = "\
A Buildkite of your own, on a port of this machine, for tests and demos.

    fake-buildkite serve [OPTIONS]

It prints one line of JSON when it is ready (url, api_url, graphql_url, levers_url, token, organization, now, clock), serves
until it is interrupted, and answers levers below /_fake/: GET /_fake/ lists them.

    --listen 127.0.0.1:PORT   where; port 0 is any free one [default]
    --organization SLUG       instead of acme; again for one more
    --token TOKEN[=SCOPES]    one more token, with every scope, or with these, separated by commas
    --user 'NAME <EMAIL>'     who is behind every token
    --seed NUMBER             what ids and draws are made from [default: 0]
    --starting-at INSTANT     where the clock begins [default: 2030-01-01T00:00:00Z]
    --clock CLOCK             manual [default], wall:SPEED, per-request:SPAN, step-per-poll
    --pipeline SLUG=FILE      makes a pipeline of a file of steps; again for more
    --script FILE             what jobs will do: {\"app\": [{\"job\": \"test\", \"attempts\": [{\"takes\": \"3m\", \"exits\": 1}]}]}
    --no-agents               nobody picks up jobs
    --agent NAME[=TAGS]       only these do; tags as for the agent, such as queue=linux,os=debian; again for more
    --rate-limits             requests beyond Buildkite's limits are refused
    --rate-limit USER/ORG     the same, with other limits: requests a minute of a user, and of an organization
    --limits                  Buildkite's limits on jobs, builds, artifacts and so on hold
    --hourly-expiry           jobs expire when Buildkite looks, once an hour, and not on the second
    --clusters-required       agents and pipelines need a cluster
    --plan-without-teams      the organization has no teams
    --waiters-with-state      wait steps are shown with a state
    --plain-logs              logs without the agent's time stamps
    --allow-webhook-host HOST webhooks may go to this host, too
    --webhooks-with-iso-times webhooks write times as the API does
    --webhook-timeout SPAN    how long a receiver may take, in real time
    --request-timeout SPAN    how long a request may take to arrive, in real time
    --body-limit BYTES        how large a request may be
    --event-limit NUMBER      how many due things one move of the clock may meet
    --origin URL              what addresses in answers begin with, instead of where it listens
    --allow-unknown-routes    what nobody serves is no problem
    --without-hints           a program that polls in vain, before a clock that stands still, is not told of on standard error
    --stop-with-stdin         stops when its standard input ends, and so with whoever started it
    --strict                  exits with 1 if something that was ordered never happened, or nobody serves what was asked for
    -h, --help                this
    -V, --version             the version
";

/// What to do.
pub(crate) enum Arguments {
    Help,
    Version,
    Serve(Box<Serve>),
}

/// What to serve.
pub(crate) struct Serve {
    pub(crate) builder: FakeBuildkiteBuilder,
    /// Slug and steps of each.
    pipelines: Vec<(String, String)>,
    /// File and text of each.
    scripts: Vec<(String, String)>,
    agents: Vec<AgentSpec>,
    /// The first that may do everything.
    token: Option<String>,
    pub(crate) stops_with_stdin: bool,
    pub(crate) is_strict: bool,
}

impl Arguments {
    /// The first is the name of the program.
    pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, String> {
        let mut parser = lexopt::Parser::from_iter(arguments);
        Self::read(&mut parser).map_err(|error| error.to_string())
    }

    fn read(parser: &mut lexopt::Parser) -> Result<Self, lexopt::Error> {
        let command = match parser.next()? {
            None => return Err("which command? There is `serve`; `--help` says more".into()),
            Some(Short('h') | Long("help")) => return Ok(Self::Help),
            Some(Short('V') | Long("version")) => return Ok(Self::Version),
            Some(Value(command)) => command.string()?,
            Some(Long(name)) if options().any(|known| known == name) => {
                return Err(
                    format!("`--{name}` is an option of `serve`, and comes after it").into(),
                );
            }
            Some(Long(name)) => return Err(no_option(name).into()),
            Some(other @ Short(_)) => return Err(other.unexpected()),
        };
        match command.as_str() {
            "help" => Ok(Self::Help),
            "serve" => Serve::read(parser),
            _ => Err(format!("there is no command `{command}`; there is `serve`").into()),
        }
    }
}

impl Serve {
    fn read(parser: &mut lexopt::Parser) -> Result<Arguments, lexopt::Error> {
        let mut serve = Self {
            builder: FakeBuildkite::builder(),
            pipelines: Vec::new(),
            scripts: Vec::new(),
            agents: Vec::new(),
            token: None,
            stops_with_stdin: false,
            is_strict: false,
        };
        while let Some(argument) = parser.next()? {
            let name = match argument {
                Short('h') | Long("help") => return Ok(Arguments::Help),
                Long(name) => name.to_owned(),
                other @ (Short(_) | Value(_)) => return Err(other.unexpected()),
            };
            if !serve.switch(&name) {
                serve = serve.with(&name, parser)?;
            }
        }
        Ok(Arguments::Serve(Box::new(serve)))
    }

    /// An option without a value. False if this is none.
    fn switch(&mut self, name: &str) -> bool {
        let builder = self.builder.clone();
        self.builder = match name {
            "no-agents" => builder.agents(Agents::none()),
            "rate-limits" => builder.enforce_rate_limits(),
            "limits" => builder.enforce_limits(),
            "hourly-expiry" => builder.hourly_expiry(),
            "clusters-required" => builder.clusters_required(),
            "plan-without-teams" => builder.plan_without_teams(),
            "waiters-with-state" => builder.waiters_with_state(),
            "plain-logs" => builder.plain_logs(),
            "webhooks-with-iso-times" => builder.webhooks_with_iso_times(),
            "without-hints" => builder.without_hints(),
            "allow-unknown-routes" => builder.allow_unknown_routes(),
            "stop-with-stdin" => {
                self.stops_with_stdin = true;
                builder
            }
            "strict" => {
                self.is_strict = true;
                builder
            }
            _ => return false,
        };
        true
    }

    /// An option with a value.
    fn with(mut self, name: &str, parser: &mut lexopt::Parser) -> Result<Self, lexopt::Error> {
        let builder = self.builder.clone();
        let builder = match name {
            "listen" => builder.port(port(&parser.value()?.string()?)?),
            "organization" => builder.organization(parser.value()?.string()?),
            "token" => {
                let (token, scopes) = token(&parser.value()?.string()?)?;
                if self.token.is_none() && scopes.len() == Scope::ALL.len() {
                    self.token = Some(token.clone());
                }
                builder.token(token, scopes)
            }
            "user" => {
                let (name, email) = user(&parser.value()?.string()?)?;
                builder.user(name, email)
            }
            "agent" => {
                self.agents.push(agent(&parser.value()?.string()?));
                builder.agents(Agents::fleet(self.agents.clone()))
            }
            "rate-limit" => {
                let (user, organization) = rate_limit(&parser.value()?.string()?)?;
                builder.rate_limit(user, organization)
            }
            "allow-webhook-host" => builder.allow_webhook_host(parser.value()?.string()?),
            "webhook-timeout" => builder.webhook_timeout(span(&parser.value()?.string()?)?),
            "request-timeout" => builder.request_timeout(span(&parser.value()?.string()?)?),
            "body-limit" => builder.body_limit(number(name, &parser.value()?.string()?)?),
            "event-limit" => builder.event_limit(number(name, &parser.value()?.string()?)?),
            "origin" => builder.origin(parser.value()?.string()?),
            "seed" => builder.seed(number(name, &parser.value()?.string()?)?),
            "starting-at" => builder.starting_at(&parser.value()?.string()?),
            "clock" => builder.clock(clock(&parser.value()?.string()?)?),
            "pipeline" => {
                let text = parser.value()?.string()?;
                let (slug, file) = text
                    .split_once('=')
                    .ok_or("--pipeline takes SLUG=FILE, such as app=pipeline.yml")?;
                self.pipelines.push((slug.to_owned(), contents(file)?));
                builder
            }
            "script" => {
                let file = parser.value()?.string()?;
                let text = contents(&file)?;
                self.scripts.push((file, text));
                builder
            }
            _ => return Err(no_option(name).into()),
        };
        Ok(Self { builder, ..self })
    }

    /// The line that says where the fake is. Its token is the one that was chosen, if one was.
    pub(crate) fn ready_line(&self, fake: &FakeBuildkite) -> String {
        let line = fake.about();
        match &self.token {
            Some(token) => line.replacen(
                &serde_json::Value::from(fake.token()).to_string(),
                &serde_json::Value::from(token.as_str()).to_string(),
                1,
            ),
            None => line,
        }
    }

    /// Makes what is to be there from the start.
    pub(crate) fn furnish(&self, fake: &FakeBuildkite) -> Result<(), String> {
        for (slug, steps) in &self.pipelines {
            fake.pipeline(slug).slug(slug).steps(steps).create();
        }
        self.scripts.iter().try_for_each(|(file, script)| {
            let told = fake.tell_scripts(script);
            told.map_err(|error| format!("the scripts of `{file}`: {error}"))
        })
    }
}

/// The options, in the order of the help.
fn options() -> impl Iterator<Item = &'static str> {
    let lines = HELP.lines().filter_map(|line| line.split_once("--"));
    // Some have a short form before them.
    let lines = lines.filter(|(before, _)| before.trim().is_empty() || before.ends_with(", "));
    lines.filter_map(|(_, option)| option.split_whitespace().next())
}

fn no_option(name: &str) -> String {
    match nearest_name(name, options()) {
        Some(nearest) => format!(
            "there is no option `--{name}`; nearest: `--{nearest}`. `--help` has all of them"
        ),
        None => format!("there is no option `--{name}`; `--help` has those there are"),
    }
}

fn contents(file: &str) -> Result<String, String> {
    fs::read_to_string(file).map_err(|error| format!("`{file}` cannot be read: {error}"))
}

/// Chosen: the address is said, so that nobody takes a fake for something that other machines reach.
fn port(text: &str) -> Result<u16, String> {
    let port = text
        .strip_prefix("127.0.0.1:")
        .and_then(|port| port.parse().ok());
    port.ok_or_else(|| {
        format!("a fake listens on its own machine only, at an address such as 127.0.0.1:8989, and not at `{text}`")
    })
}

fn token(text: &str) -> Result<(String, Vec<Scope>), String> {
    let Some((token, scopes)) = text.split_once('=') else {
        return Ok((text.to_owned(), Scope::ALL.to_vec()));
    };
    let scope = |word: &str| {
        let mut all = Scope::ALL.iter().copied();
        all.find(|scope| scope.as_str() == word)
            .ok_or_else(|| no_scope(word))
    };
    let words = scopes.split(',').filter(|word| !word.is_empty());
    let scopes: Result<_, _> = words.map(scope).collect();
    Ok((token.to_owned(), scopes?))
}

fn no_scope(word: &str) -> String {
    let known: Vec<_> = Scope::ALL.iter().map(|scope| scope.as_str()).collect();
    let nearest = match nearest_name(word, known.iter().copied()) {
        Some(nearest) => format!("; nearest: `{nearest}`"),
        None => String::new(),
    };
    let known = known.join(", ");
    format!("there is no scope `{word}`{nearest}; there are {known}")
}

fn number<N: FromStr>(option: &str, text: &str) -> Result<N, String> {
    let number = text.parse();
    number.map_err(|_| format!("--{option} takes a number, such as 7, and not `{text}`"))
}

fn span(text: &str) -> Result<Duration, String> {
    let span = fake_buildkite::span_of(text);
    span.ok_or_else(|| format!("`{text}` is no span of time such as 5s or 1h30m"))
}

fn rate_limit(text: &str) -> Result<(u64, u64), String> {
    let both = text
        .split_once('/')
        .and_then(|(user, organization)| Some((user.parse().ok()?, organization.parse().ok()?)))
        .filter(|(user, organization)| *user > 0 && *organization > 0);
    both.ok_or_else(|| {
        format!("--rate-limit takes two numbers from 1 on, such as 50/200, and not `{text}`")
    })
}

fn agent(text: &str) -> AgentSpec {
    let (name, tags) = text.split_once('=').unwrap_or((text, ""));
    let tags = tags.split(',').filter(|tag| !tag.is_empty());
    fake_buildkite::agent(name).tags(tags)
}

fn user(text: &str) -> Result<(String, String), String> {
    let parts = text
        .strip_suffix('>')
        .and_then(|text| text.split_once('<'))
        .map(|(name, email)| (name.trim().to_owned(), email.trim().to_owned()))
        .filter(|(name, email)| !name.is_empty() && !email.is_empty());
    parts.ok_or_else(|| format!("--user takes 'NAME <EMAIL>', not `{text}`"))
}

fn clock(text: &str) -> Result<Clock, String> {
    match text.split_once(':') {
        None if text == "manual" => Ok(Clock::Manual),
        None if text == "step-per-poll" => Ok(Clock::StepPerPoll),
        None if text == "wall" => Ok(Clock::Wall { speed: 1.0 }),
        Some(("wall", speed)) => match speed.parse() {
            Ok(speed) => Ok(Clock::Wall { speed }),
            Err(_) => Err(format!(
                "`{speed}` is no speed: wall:60 is a minute in a second"
            )),
        },
        Some(("per-request", by)) => span(by).map(Clock::PerRequest),
        _ => Err(format!(
            "there is no clock `{text}`; there are manual, wall:SPEED, per-request:SPAN and step-per-poll"
        )),
    }
}
