//! `fake-buildkite serve`: the fake as a program, for tests that are not written in Rust.
//!
//! What it is told and what it does are the library's; here is the command line, the line that says that it is ready, and
//! the end.

mod arguments;

use std::io::{self, Write as _};
use std::panic;
use std::process::ExitCode;
use std::sync::{Arc, mpsc};
use std::thread;

use fake_buildkite::FakeBuildkite;

use arguments::{Arguments, HELP, Serve};

fn main() -> ExitCode {
    // What is told wrong is said in a panic; to somebody at a command line its text is enough.
    panic::set_hook(Box::new(|panic| {
        let payload = panic.payload();
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
        eprintln!(
            "fake-buildkite: {}",
            text.unwrap_or("a panic without a reason")
        );
    }));
    let outcome = panic::catch_unwind(|| match Arguments::parse(std::env::args_os())? {
        Arguments::Help => {
            print!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
        Arguments::Version => {
            println!("fake-buildkite {}", env!("CARGO_PKG_VERSION"));
            Ok(ExitCode::SUCCESS)
        }
        Arguments::Serve(serve) => run(&serve),
    });
    match outcome {
        Ok(Ok(code)) => code,
        Ok(Err(text)) => {
            eprintln!("fake-buildkite: {text}");
            ExitCode::from(2)
        }
        // Its text was printed already.
        Err(_) => ExitCode::from(2),
    }
}

fn run(serve: &Serve) -> Result<ExitCode, String> {
    let (ended, end) = mpsc::channel();
    // Before the fake: a signal that comes while it starts stops it, too.
    let signaled = ended.clone();
    ctrlc::set_handler(move || {
        let _ = signaled.send(());
    })
    .map_err(|error| format!("signals cannot be waited for: {error}"))?;
    let fake = Arc::new(serve.builder.clone().start());
    serve.furnish(&fake)?;
    fake.serve_levers();
    let mut out = io::stdout().lock();
    writeln!(out, "{}", serve.ready_line(&fake))
        .and_then(|()| out.flush())
        .map_err(|error| format!("nobody reads where the fake is: {error}"))?;
    drop(out);
    if serve.stops_with_stdin {
        // It ends with the process.
        thread::spawn(move || {
            let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
            let _ = ended.send(());
        });
    }
    // The handler of signals keeps a sender for as long as the process lives.
    let _ = end.recv();
    Ok(finish(&fake, serve.is_strict))
}

/// Says what was wrong, if anything was.
fn finish(fake: &FakeBuildkite, is_strict: bool) -> ExitCode {
    let verified = fake.verify();
    fake.stop();
    let Err(report) = verified else {
        return ExitCode::SUCCESS;
    };
    eprintln!("fake-buildkite: {report}");
    if is_strict {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
