//! The server: accepts, answers, and lets answers end where a fault says so.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::DATE;
use axum::middleware::{self, Next};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::faults::{Ending, Valve};
use super::{Service, calls, router, unread};

/// Serves Cloud Storage and `others` until it is dropped, which closes every connection.
pub(crate) async fn serve(listener: TcpListener, service: Arc<Service>, others: axum::Router) {
    let recorder = middleware::from_fn_with_state(service.clone(), calls::record);
    let router = router(service.clone()).merge(others).layer(recorder);
    let router = router.layer(middleware::from_fn(unread::drain));
    let dated = middleware::from_fn_with_state(service, dated);
    let router = router.layer(dated);
    let router = TowerToHyperService::new(router);
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        // A connection that is gone before it is accepted concerns nobody.
        if let Ok((stream, _)) = listener.accept().await {
            connections.spawn(connection(stream, router.clone()));
        }
    }
}

/// An answer has the time of the machine, unless a test says another.
async fn dated(
    State(service): State<Arc<Service>>,
    request: Request,
    next: Next,
) -> axum::response::Response {
    let mut answer = next.run(request).await;
    if let Some(date) = service.date() {
        answer.headers_mut().insert(DATE, date);
    }
    answer
}

async fn connection(stream: TcpStream, router: TowerToHyperService<axum::Router>) {
    // Without it small answers wait for acknowledgements.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let (stream, valve) = Valve::new(stream);
    let answer = service_fn(move |request: Request<Incoming>| {
        let answer = router.call(request);
        let valve = valve.clone();
        async move {
            let Ok(answer) = answer.await;
            if let Some(ending) = answer.extensions().get::<Ending>() {
                valve.arm(*ending);
            }
            Ok::<_, Infallible>(answer)
        }
    });
    // How a connection ends is the client's affair, and what faults are about.
    drop(http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await);
}
