//! A furnished fake: something in every place that a path can name, and with every route what it needs to be let do its
//! work.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fake_buildkite::{
    Access, AgentHandle, Annotation, AnnotationScope, FakeBuildkite, FakeBuildkiteBuilder,
    PipelineHandle, QueueHandle,
};

use crate::support::{client, world};

const STEPS: &str = "steps: [{command: make, key: make}, {block: Ship?, key: ship}]";

const CANCEL: &str =
    "mutation($id: ID!) { jobTypeCommandCancel(input: {id: $id}) { jobTypeCommand { state } } }";

/// By method and the end of the path, the first that fits: a body that is let do something. PATCH is like PUT.
const BODIES: &[(&str, &str, &str)] = &[
    ("POST", "/builds", r#"{"commit":"HEAD","branch":"main"}"#),
    (
        "POST",
        "/{team.uuid}/pipelines",
        r#"{"pipeline_id":"{other.pipeline}","access_level":"read_only"}"#,
    ),
    (
        "PUT",
        "/{team.uuid}/pipelines/{pipeline.uuid}",
        r#"{"access_level":"build_and_read"}"#,
    ),
    (
        "POST",
        "/pipelines",
        r#"{"name":"new","repository":"git@example.com:a/b.git","configuration":"steps: []"}"#,
    ),
    ("PUT", "/pipelines/{slug}", r#"{"description":"new"}"#),
    ("POST", "/schedules", r#"{"cronline":"@hourly"}"#),
    ("PUT", "/schedules/{id}", r#"{"label":"new"}"#),
    ("POST", "/annotations", r#"{"body":"new"}"#),
    ("PUT", "/reprioritize", r#"{"priority":1}"#),
    ("POST", "/clusters", r#"{"name":"new"}"#),
    ("PUT", "/clusters/{id}", r#"{"description":"new"}"#),
    ("POST", "/queues", r#"{"key":"new"}"#),
    ("PUT", "/queues/{id}", r#"{"description":"new"}"#),
    ("POST", "/tokens", r#"{"description":"new"}"#),
    ("PUT", "/tokens/{id}", r#"{"description":"new"}"#),
    ("POST", "/maintainers", r#"{"user":"{other.user}"}"#),
    (
        "POST",
        "/{team.uuid}/members",
        r#"{"user_id":"{other.user}"}"#,
    ),
    (
        "PUT",
        "/{team.uuid}/members/{user.uuid}",
        r#"{"role":"maintainer"}"#,
    ),
    ("PUT", "/members/{user.uuid}", r#"{"role":"admin"}"#),
    ("POST", "/teams", r#"{"name":"new"}"#),
    ("PUT", "/teams/{team.uuid}", r#"{"name":"new"}"#),
    (
        "POST",
        "/v1/graphql",
        r#"{"query":"{cancel}","variables":{"id":"{running.job}"}}"#,
    ),
];

/// What a route needs in its body, as far as it is about one pipeline; of others, [`Scene::body`] knows more.
pub(crate) fn body_of(method: &str, template: &str) -> Option<&'static str> {
    let method = if method == "PATCH" { "PUT" } else { method };
    let mut bodies = BODIES.iter();
    let found = bodies.find(|(known, end, _)| *known == method && template.ends_with(end));
    found.map(|(.., body)| *body)
}

/// The template of a path with something in each of its variable places: what `part` has for the word before it.
pub(crate) fn fill<'p>(template: &'p str, mut part: impl FnMut(&'p str) -> String) -> String {
    let mut before = "";
    let mut filled = Vec::new();
    for segment in template.split('/') {
        filled.push(if segment.starts_with('{') {
            part(before)
        } else {
            segment.to_owned()
        });
        before = segment;
    }
    filled.join("/")
}

/// What there is of one pipeline, as paths name it: two builds, one that failed and one that is blocked, and of the
/// first one everything that a build can have.
pub(crate) struct Parts {
    pub(crate) pipeline: String,
    pub(crate) failed: String,
    pub(crate) blocked: String,
    artifact: String,
    of_build: String,
    of_job: String,
    step_upload: String,
    schedule: String,
}

/// A pipeline to be furnished.
pub(crate) fn pipeline(fake: &FakeBuildkite, name: &str) -> PipelineHandle {
    fake.pipeline(name).steps(STEPS).create()
}

/// Puts into a pipeline what it can have.
pub(crate) fn furnish(pipeline: &PipelineHandle) -> Parts {
    let build = pipeline.create_build();
    let make = build.job("make");
    make.start();
    make.write_log("made\n");
    let artifact = make.upload_artifact("a.log", "a").id.to_string();
    let of_build = make.annotate("a").id.to_string();
    let of_job = make.annotate(Annotation::new("a").scope(AnnotationScope::Job));
    make.upload_pipeline("steps: []");
    make.fail(1);
    let other = pipeline.create_build();
    other.job("make").pass();
    Parts {
        pipeline: pipeline.slug(),
        failed: build.job("make").id().to_string(),
        blocked: other.job("ship").id().to_string(),
        artifact,
        of_build,
        of_job: of_job.id.to_string(),
        step_upload: build.step_uploads()[0].id.to_string(),
        schedule: pipeline.schedule("@daily").create().id().to_string(),
    }
}

impl Parts {
    /// What stands behind a word in a path; a build and a job that the route can act on.
    fn part(&self, template: &str, before: &str) -> Option<&str> {
        let is_blocked = ["/unblock", "/cancel"]
            .iter()
            .any(|end| template.ends_with(end));
        Some(match before {
            "organizations" => "acme",
            "pipelines" => &self.pipeline,
            "builds" if is_blocked => "2",
            "builds" => "1",
            "jobs" if is_blocked => &self.blocked,
            "jobs" => &self.failed,
            "artifacts" => &self.artifact,
            "annotations" if template.contains("{job.id}") => &self.of_job,
            "annotations" => &self.of_build,
            "step-uploads" => &self.step_upload,
            "schedules" => &self.schedule,
            _ => return None,
        })
    }

    /// The path of a route that is about a pipeline.
    pub(crate) fn path(&self, template: &str) -> String {
        let part = |before: &str| self.part(template, before).map(str::to_owned);
        fill(template, |before| {
            part(before).expect("a part of a pipeline")
        })
    }
}

/// A whole organization, `acme`. Whose token the fake has administrates it.
pub(crate) struct Scene {
    pub(crate) fake: FakeBuildkite,
    app: PipelineHandle,
    parts: Parts,
    agent: AgentHandle,
    queue: QueueHandle,
    /// Behind words in paths; those of teams with `teams/` before them.
    others: Vec<(&'static str, String)>,
    /// Behind words in paths: another of the kind, in which nothing is that is in the first.
    strangers: Vec<(&'static str, String)>,
    /// What bodies name.
    named: Vec<(&'static str, String)>,
}

impl Scene {
    pub(crate) fn of(builder: FakeBuildkiteBuilder) -> Self {
        let fake = builder.start();
        let app = pipeline(&fake, "app");
        let parts = furnish(&app);
        let agent = app.build_number(1).job("make").agent().expect("it ran");
        let other = pipeline(&fake, "other");
        let running = other.create_build().job("make");
        running.start();
        let (ada, bob) = (fake.add_user("Ada", "a@b.c"), fake.add_user("Bob", "b@b.c"));
        let team = fake.team("team").create();
        team.add_member(&ada);
        team.add_pipeline(&app, Access::ReadOnly);
        let cluster = fake.cluster("Linux").queue("deploy").create();
        cluster.add_token("a");
        cluster.add_maintainer(&ada);
        let queue = cluster.queue("deploy");
        let maintainers = format!("/organizations/acme/clusters/{}/maintainers", cluster.id());
        let maintainers = client(&fake).get(&maintainers).expect(200);
        let others = vec![
            ("agents", agent.id().to_string()),
            ("members", ada.id().to_string()),
            ("clusters", cluster.id().to_string()),
            ("queues", queue.id().to_string()),
            ("tokens", cluster.tokens()[0].id.to_string()),
            ("maintainers", maintainers[0]["id"].str().to_owned()),
            ("teams", team.id().to_string()),
            ("teams/pipelines", app.id().to_string()),
        ];
        fake.add_organization("beta");
        let strangers = vec![
            ("organizations", "beta".to_owned()),
            ("pipelines", fake.pipeline("empty").create().slug()),
            ("builds", "2".to_owned()),
            ("jobs", app.build_number(1).job("ship").id().to_string()),
            ("clusters", fake.cluster("Mac").create().id().to_string()),
            ("teams", fake.team("empty").create().id().to_string()),
        ];
        let job = STANDARD.encode(format!("Job---{}", running.id()));
        let named = vec![
            ("{other.user}", bob.id().to_string()),
            ("{other.pipeline}", other.id().to_string()),
            ("{cancel}", CANCEL.to_owned()),
            ("{running.job}", job),
        ];
        Self {
            fake,
            app,
            parts,
            agent,
            queue,
            others,
            strangers,
            named,
        }
    }

    /// What stands behind a word in a path.
    fn part(&self, template: &str, before: &str) -> String {
        let word = match before {
            "pipelines" if template.contains("/teams/") => "teams/pipelines",
            word => word,
        };
        let other = self.others.iter().find(|(known, _)| *known == word);
        let other = other.map(|(_, part)| part.as_str());
        let part = other.or_else(|| self.parts.part(template, before));
        part.unwrap_or_else(|| panic!("nothing in {template} is known behind `{before}`"))
            .to_owned()
    }

    /// The path of a route.
    pub(crate) fn path(&self, template: &str) -> String {
        fill(template, |before| self.part(template, before))
    }

    /// The path of a route, of whose variable parts only the first `known` are there.
    pub(crate) fn path_into_nowhere(&self, template: &str, known: usize, unknown: &str) -> String {
        let mut count = 0;
        fill(template, |before| {
            count += 1;
            if count > known {
                unknown.to_owned()
            } else {
                self.part(template, before)
            }
        })
    }

    /// The path of a route, of whose variable parts one is another of its kind, which the rest is not in.
    pub(crate) fn path_beside(&self, template: &str, word: &str) -> String {
        fill(template, |before| {
            let part = self.part(template, before);
            if before != word {
                return part;
            }
            let mut strangers = self.strangers.iter();
            let stranger = strangers.find(|(known, _)| *known == word);
            let (_, stranger) = stranger.unwrap_or_else(|| panic!("no stranger behind `{word}`"));
            // The second build of a pipeline is in some paths the one that is meant.
            match word {
                "builds" if *stranger == part => "1".to_owned(),
                _ => stranger.clone(),
            }
        })
    }

    /// What a route needs in its body.
    pub(crate) fn body(&self, method: &str, template: &str) -> Option<String> {
        let body = body_of(method, template)?.to_owned();
        let name = |body: String, (name, value): &(&str, String)| body.replace(name, value);
        Some(self.named.iter().fold(body, name))
    }

    /// Brings about what a route needs to find, where that is the opposite of what others need. Whether there was need.
    pub(crate) fn prepare(&self, template: &str) -> bool {
        match template.rsplit('/').next() {
            Some("unarchive") => self.app.archive(),
            Some("resume") => self.agent.pause(),
            Some("resume_dispatch") => self.queue.pause(),
            Some(_) | None => return false,
        }
        true
    }

    /// What a refused request must leave as it is, with what is not in a list.
    pub(crate) fn world(&self) -> String {
        let client = client(&self.fake);
        let build = "/organizations/{}/pipelines/{}/builds/{}";
        let mut all = world(&self.fake, &["acme"]);
        for template in [
            "/organizations/{}/clusters/{}/maintainers",
            &format!("{build}/annotations"),
            &format!("{build}/artifacts"),
            &format!("{build}/step-uploads"),
            &format!("{build}/jobs/{{}}/annotations"),
            &format!("{build}/jobs/{{}}/log"),
        ] {
            all.push_str(&client.get(&self.path(template)).text);
        }
        all
    }
}
