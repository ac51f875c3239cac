//! `fake-buildkite serve`: the fake as a program, for tests that are not written in Rust.
//!
//! What it is told and what it does are the library's; here is the command line, the line that says that it is ready, and
//! the end.

mod arguments;

use std::io::{self, Read as _, Write as _};
use std::panic;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use fake_buildkite::FakeBuildkite;
use tokio::sync::oneshot;

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
    // Before the fake: a signal that comes while it starts stops it, too.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .map_err(|error| format!("no runtime to wait for signals on: {error}"))?;
    let _entered = runtime.enter();
    let signals = signals().map_err(|error| format!("signals cannot be waited for: {error}"))?;
    let fake = Arc::new(serve.builder.clone().start());
    serve.furnish(&fake)?;
    fake.serve_levers();
    let mut out = io::stdout().lock();
    writeln!(out, "{}", serve.ready_line(&fake))
        .and_then(|()| out.flush())
        .map_err(|error| format!("nobody reads where the fake is: {error}"))?;
    drop(out);
    let (ended, end) = oneshot::channel();
    if serve.stops_with_stdin {
        // It ends with the process.
        thread::spawn(move || {
            let _ = io::copy(&mut io::stdin().lock().by_ref(), &mut io::sink());
            let _ = ended.send(());
        });
        runtime.block_on(first_of(signals, async {
            let _ = end.await;
        }));
    } else {
        runtime.block_on(signals);
    }
    Ok(finish(&fake, serve.is_strict))
}

/// Says what was wrong, if anything was.
fn finish(fake: &FakeBuildkite, is_strict: bool) -> ExitCode {
    let verified = fake.verify();
    fake.stop();
    match verified {
        Err(report) => {
            eprintln!("fake-buildkite: {report}");
            if is_strict {
                return ExitCode::FAILURE;
            }
            ExitCode::SUCCESS
        }
        Ok(()) => ExitCode::SUCCESS,
    }
}

async fn first_of(one: impl Future<Output = ()>, other: impl Future<Output = ()>) {
    let (mut one, mut other) = (std::pin::pin!(one), std::pin::pin!(other));
    std::future::poll_fn(|cx| {
        if one.as_mut().poll(cx).is_ready() {
            return std::task::Poll::Ready(());
        }
        other.as_mut().poll(cx)
    })
    .await;
}

/// Ready when somebody wants this to end. Listens from now on, and not from when it is awaited.
#[cfg(unix)]
fn signals() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        let either = first_of(
            async {
                interrupt.recv().await;
            },
            async {
                terminate.recv().await;
            },
        );
        either.await;
    })
}

#[cfg(not(unix))]
fn signals() -> io::Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}
