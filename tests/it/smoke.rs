use fake_buildkite::*;
#[test]
fn smoke() {
    let fake = FakeBuildkite::builder().origin("http://fake.test").start();
    let app = fake.pipeline("app").steps("steps: [{command: make, key: test}, {wait: ~, continue_on_failure: true}, {block: Go?}, {command: x}]").create();
    app.on_job("test").takes(minutes(3)).exits(0);
    let client = reqwest::blocking::Client::new();
    let r = client
        .post(format!(
            "{}organizations/acme/pipelines/app/builds",
            fake.api_url()
        ))
        .bearer_auth(fake.token())
        .body(r#"{"commit":"HEAD","branch":"main"}"#)
        .send()
        .unwrap();
    println!("{:?}\n{}", r.headers().clone(), r.text().unwrap());
    println!("{}", fake.run_until_idle());
    println!("{}", app.build_number(1).timeline());
    app.build_number(1).job("Go?").unblock();
    println!("{}", fake.run_until_idle());
    println!("{}", app.build_number(1).timeline());
    println!("{}", fake.requests());
}
