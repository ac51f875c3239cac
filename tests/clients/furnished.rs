//! A second fake, for clients that look at everything: its clock stands still, and one of everything there is, in every
//! state there is, stands in it.

use fake_buildkite::{
    Access, Agents, Annotation, AnnotationScope, AnnotationStyle, BuildSource, FakeBuildkite,
    MemberRole, PipelineHandle, PipelineUpload, Scope, TeamRole, agent, seconds,
};
use serde_json::{Value, json};

/// Every kind of step; passes as far as it can, and uploads, annotates and grows on its way.
const EVERYTHING: &str = r#"
env: { COLOR: blue }
steps:
  - label: ":package: Pack"
    key: pack
    command: make pack
    artifact_paths: "dist/**/*;log/*"
    agents: { queue: linux }
    timeout_in_minutes: 20
  - wait
  - group: Checks
    key: checks
    steps:
      - { label: Lint, key: lint, command: make lint }
      - { label: "Test %n", key: test, command: make test, parallelism: 2 }
  - label: "On {{matrix.os}}"
    key: systems
    command: make
    matrix: { setup: { os: [linux, mac] } }
  - { label: Never, key: never, command: make, if: "false" }
  - { label: Elsewhere, key: elsewhere, command: make, branches: other }
  - { label: Off, key: off, command: make, skip: "Not today" }
  - { trigger: plain, label: Downstream, key: downstream, build: { message: "From above", env: { A: "1" } } }
  - { trigger: plain, label: Beside, key: beside, async: true }
  - { input: Who?, key: who, fields: [{ text: Name, key: name }] }
  - { label: Soft, key: soft, command: make soft, soft_fail: true }
  - { label: Unlike, key: unlike, command: make unlike, retry: { automatic: { limit: 1 } } }
  - { block: "Release?", key: release, depends_on: pack, fields: [{ text: Why?, key: why }] }
  - { label: Deploy, key: deploy, command: make deploy, depends_on: release, concurrency: 1, concurrency_group: deploy }
"#;

const PLAIN: &str = "steps: [{ label: Make, key: make, command: make }]";

/// A job that hangs beside one that fails, what waits for them, and gates on both sides.
const STUCK: &str = r#"
steps:
  - { label: Hang, key: hang, command: make hang }
  - { label: Break, key: break, command: make break }
  - { label: After, key: after, command: make after, depends_on: break }
  - { block: Early?, key: early }
  - { label: Behind, key: behind, command: make behind, depends_on: early }
  - { block: "Late?", key: late, depends_on: break }
"#;

const PARKED: &str = "steps: [{ label: Park, key: park, command: make park }]";

const ONE_BY_ONE: &str = "steps: [{ label: Turn, key: turn, command: make turn, concurrency: 1, concurrency_group: turn }]";

const NOTHING: &str = "steps: [{ label: Never, command: make, if: 'false' }]";

pub(crate) struct Furnished {
    pub(crate) fake: FakeBuildkite,
    pub(crate) about: Value,
}

pub(crate) fn furnished() -> Furnished {
    let fake = FakeBuildkite::builder()
        .user("Ada Example", "ada@example.com")
        .agents(Agents::fleet([
            agent("linux").tags(["queue=linux", "os=linux"]).priority(9),
            agent("worker").slots(16).hostname("worker.example.com"),
            agent("mac").cluster_queue("Macs", "default"),
            agent("old").version("3.50.0"),
            agent("spare").tags(["queue=spare"]),
            agent("gone").tags(["queue=gone"]),
        ]))
        .waiters_with_state()
        .start();
    let grace = fake.add_user("Grace Example", "grace@example.com");
    let acme = fake.existing_organization(&fake.organization());
    acme.add_emoji("acme", "https://emoji.example.com/acme.png", ["anvil"]);
    acme.set_role(&fake.user(), MemberRole::Admin);
    let everything = builds(&fake);
    let team = fake
        .team("Platform")
        .description("Keeps it running")
        .default_member_role(TeamRole::Member)
        .create();
    team.add_maintainer(&fake.user());
    team.add_member(&grace);
    team.add_pipeline(&fake.existing_pipeline("everything"), Access::BuildAndRead);
    let macs = fake.existing_cluster("Macs");
    macs.add_token("Office");
    macs.add_queue("spare").pause_with_note("Being moved");
    fake.agent("spare").pause();
    fake.agent("gone").disconnect();
    let about = json!({
        "url": fake.url(),
        "api_url": fake.api_url(),
        "token": fake.token(),
        "disposable_token": grace.token([Scope::ReadUser]).secret(),
        "organization": fake.organization(),
        "user": { "id": fake.user_id().to_string(), "email": "ada@example.com" },
        "second_user": { "id": grace.id().to_string(), "email": "grace@example.com" },
        "everything": everything,
        "agents": fake.agents().iter().map(|agent| agent.name()).collect::<Vec<_>>(),
    });
    Furnished { fake, about }
}

/// Builds in every state: what becomes of the last ones is under way when everything stands still.
fn builds(fake: &FakeBuildkite) -> Value {
    let plain = fake
        .pipeline("plain")
        .steps(PLAIN)
        .description("Nothing")
        .create();
    plain.schedule("0 6 * * *").label("Early").create();
    plain.schedule("@daily").disabled().create();
    let everything = everything(fake);
    let stuck = fake.pipeline("stuck").steps(STUCK).create();
    stuck.on_job("hang").hangs();
    stuck.on_job("break").exits(1);
    let parked = fake.pipeline("parked").steps(PARKED).create();
    parked.on_job("park").never_picked_up();
    let turns = fake.pipeline("one-by-one").steps(ONE_BY_ONE).create();
    turns.on_job("turn").hangs();
    let nothing = fake.pipeline("nothing").steps(NOTHING).create();
    let newest = fake
        .pipeline("newest-only")
        .steps(PARKED)
        .skip_intermediate_builds()
        .create();
    newest.on_job("park").never_picked_up();
    let macs = fake.existing_cluster("Macs");
    let apps = fake
        .pipeline("mac-app")
        .steps(PLAIN)
        .cluster(&macs)
        .tags(["apple"])
        .public()
        .create();
    let old = fake
        .pipeline("old")
        .repository("git@bitbucket.org:acme/old.git")
        .steps(PLAIN)
        .create();
    fake.pipeline("mirror")
        .repository("https://gitlab.com/acme/mirror.git")
        .create();
    fake.pipeline("own")
        .repository("git@git.example.com:acme/own.git")
        .create();

    let whole = everything
        .build()
        .branch("main")
        .commit("1f2e3d4c5b6a79880716253443526170deadbeef")
        .message("All of it")
        .author("Grace Example", "grace@example.com")
        .env("DEBUG", "1")
        .meta_data("release", "v9")
        .create();
    apps.create_build();
    nothing.create_build();
    old.build()
        .source(BuildSource::Webhook)
        .tag("v1")
        .pull_request(7, "main")
        .create();
    for pipeline in [
        &newest, &newest, &parked, &parked, &parked, &turns, &turns, &stuck, &stuck, &stuck,
    ] {
        pipeline.create_build();
    }
    fake.advance(seconds(300));
    old.archive();
    whole.job("who").unblock_with([("name", "Ada")]);
    stuck.build_number(3).job("early").unblock();
    parked.build_number(1).cancel();
    parked.build_number(2).job("park").expire();
    let timed = everything.create_build();
    fake.advance(seconds(1));
    timed.job("pack").time_out();
    fake.advance(seconds(60));
    under_way(&stuck);
    json!({ "pipeline": "everything", "number": whole.number() })
}

fn everything(fake: &FakeBuildkite) -> PipelineHandle {
    let pipeline = fake.pipeline("everything").steps(EVERYTHING).create();
    pipeline
        .on_job("pack")
        .logs("--- Packing\n\u{1b}[32mdone <well>\u{1b}[0m\n")
        .uploads_artifact("dist/app.tar", vec![7; 3_000])
        .uploads_artifact("log/pack.log", "packed\n")
        .annotates(Annotation::new("Packed **well**").style(AnnotationStyle::Success))
        .annotates(Annotation::new("of the job").scope(AnnotationScope::Job))
        .uploads(PipelineUpload::yaml(
            "steps: [{ label: Grown, key: grown, command: make grown }]",
        ));
    pipeline.on_job("soft").exits(3);
    pipeline.on_job("unlike").exits(1).then().exits(0);
    pipeline
}

/// What ends within seconds, and so has not ended when the clock stands still: a build that is canceled, one that
/// fails, and a job whose time is up; and a job that has promised to fail.
fn under_way(stuck: &PipelineHandle) {
    stuck.build_number(1).job("hang").promise_failure(3);
    stuck.build_number(2).cancel();
    stuck.build_number(3).job("hang").time_out();
}
