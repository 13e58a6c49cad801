//! Sockets: limits of connections and of heads of requests, and an orderly end.

use crate::app::App;
use crate::routes::router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;
use vecinity::model_dir::Model;
use vecinity::{Error, Result};

/// Bytes of a head at most, together with what is read ahead.
const HEAD: usize = 64 << 10;

/// How long open connections are kept at the end, so that each ends with an answer; new ones are taken for a quarter of it.
const LINGER: Duration = Duration::from_millis(1000);
const GLANCE: Duration = Duration::from_millis(5);

/// Listens, and answers until SIGTERM or SIGINT. Then every connection ends with its next answer, or after a second of
/// silence; requests in flight are answered within `limits.drain`; and it returns: whether all of them were.
///
/// * `ready`: called with the address once connections are taken.
///
/// # Errors
/// [`Error::Io`] if the address cannot be had.
pub fn serve(app: Arc<App>, ready: impl FnOnce(SocketAddr)) -> Result<bool> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .worker_threads(app.settings.limits.workers.clamp(1, 8))
        .build()
        .map_err(Error::io("threads", "start"))?;
    let whole = runtime.block_on(run(app, ready));
    // What still computes for clients that are gone is not waited for.
    runtime.shutdown_background();
    whole
}

async fn run(app: Arc<App>, ready: impl FnOnce(SocketAddr)) -> Result<bool> {
    let address = app.settings.listen;
    let cannot = || Error::io(address.to_string(), "listen");
    let listener = TcpListener::bind(address).await.map_err(cannot())?;
    let mut terminated = signal(SignalKind::terminate()).map_err(Error::io("signals", "watch"))?;
    let mut interrupted = signal(SignalKind::interrupt()).map_err(Error::io("signals", "watch"))?;
    ready(listener.local_addr().map_err(cannot())?);
    let watching = tokio::spawn(watch(Arc::clone(&app)));

    let limits = app.settings.limits.clone();
    let places = Arc::new(Semaphore::new(limits.connections.max(1)));
    let service = TowerToHyperService::new(router(Arc::clone(&app)));
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            _ = terminated.recv() => break,
            _ = interrupted.recv() => break,
        };
        let (stream, place) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Too many open files, for instance: others may be closed meanwhile.
                tracing::warn!("a connection cannot be taken: {error}");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        attend(&app, &graceful, &service, stream, place);
    }

    // From now on answers say that the connection ends with them, and /readyz that no more requests should be sent here.
    app.ending.store(true, Ordering::Relaxed);
    watching.abort();
    // A connection that is closed while a request is on its way to it loses that request. So new connections are still taken
    // for a moment; then each that is open ends with its next answer, and only those that stay silent are closed.
    let linger = LINGER.min(limits.drain);
    let taking = tokio::time::Instant::now() + linger / 4;
    while tokio::time::Instant::now() < taking {
        match tokio::time::timeout(GLANCE, accept(&listener, &places)).await {
            Ok(Ok((stream, place))) => attend(&app, &graceful, &service, stream, place),
            _ if app.metrics.connections.load(Ordering::Relaxed) == 0 => break,
            _ => {}
        }
    }
    drop(listener);
    let silent = tokio::time::Instant::now() + linger;
    while app.metrics.connections.load(Ordering::Relaxed) > 0 && tokio::time::Instant::now() < silent {
        tokio::time::sleep(GLANCE).await;
    }
    tracing::info!("ending: {} requests are still being answered", app.metrics.open.load(Ordering::Relaxed));
    let drained = tokio::time::timeout(limits.drain, graceful.shutdown()).await.is_ok();
    if !drained {
        tracing::warn!("ended with requests unanswered after {} s", limits.drain.as_secs());
    }
    Ok(drained)
}

/// Answers the requests of a connection beside everything else.
fn attend(
    app: &Arc<App>,
    graceful: &GracefulShutdown,
    service: &TowerToHyperService<axum::Router>,
    stream: tokio::net::TcpStream,
    place: tokio::sync::OwnedSemaphorePermit,
) {
    let _ = stream.set_nodelay(true);
    let mut http = http1::Builder::new();
    let patience = app.settings.limits.patience;
    http.timer(TokioTimer::new()).header_read_timeout(patience).max_buf_size(HEAD).half_close(false);
    let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service.clone()));
    let app = Arc::clone(app);
    app.metrics.connections.fetch_add(1, Ordering::Relaxed);
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!("a connection ended early: {error}");
        }
        app.metrics.connections.fetch_sub(1, Ordering::Relaxed);
        drop(place);
    });
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> std::io::Result<(tokio::net::TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(std::io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, place))
}

/// Serves models that were in training as soon as they are there.
async fn watch(app: Arc<App>) {
    let mut failed = std::collections::BTreeSet::new();
    loop {
        for (name, folder) in &app.watched {
            if failed.contains(name) || app.models.load().contains_key(name) || !Model::is_model(folder) {
                continue;
            }
            let _one_at_a_time = app.changes.lock().await;
            let (app_of, name_of, folder) = (Arc::clone(&app), name.clone(), folder.clone());
            match tokio::task::spawn_blocking(move || app_of.replacement(&name_of, &folder)).await {
                Ok(Ok((served, _))) => {
                    app.put(served);
                    tracing::info!(model = name, "trained, and served now");
                }
                Ok(Err(error)) => {
                    tracing::error!(model = name, "cannot be served: {error}");
                    failed.insert(name.clone());
                }
                Err(_) => {
                    failed.insert(name.clone());
                }
            }
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Begins to write the log to standard error, as text or as an object a line.
///
/// * `verbose`: every request, and not faults and changes alone.
pub fn log_to_stderr(json: bool, verbose: bool) {
    let level = if verbose { tracing::Level::DEBUG } else { tracing::Level::INFO };
    let log = tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).with_target(false);
    let log = log.with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none());
    // A second log in one process is not begun; the first goes on.
    let _ = if json { log.json().try_init_ok() } else { log.try_init_ok() };
}

/// Both kinds of log are begun alike.
trait Begin {
    fn try_init_ok(self) -> bool;
}

impl<N, E, W> Begin for tracing_subscriber::fmt::SubscriberBuilder<N, E, tracing_subscriber::filter::LevelFilter, W>
where
    Self: Into<tracing::Dispatch>,
{
    fn try_init_ok(self) -> bool {
        tracing::dispatcher::set_global_default(self.into()).is_ok()
    }
}
