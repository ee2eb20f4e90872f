//! A simple receiver: a pool, and one INSERT per request. Nothing in it makes it slower than necessary.

use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::routing::post;
use axum::serve::ListenerExt;
use eqp_receiver::CancellationToken;
use http::header::{AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, StatusCode};
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use time::OffsetDateTime;
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::Failure;

const CONNECTIONS: u32 = 10;

pub(super) async fn serve(database: PgConnectOptions, shutdown: CancellationToken) -> Result<(), Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    println!("{}", listener.local_addr()?);
    let listener = listener.tap_io(|stream| _ = stream.set_nodelay(true));
    let service = router(database).await?.into_make_service_with_connect_info::<SocketAddr>();
    Ok(axum::serve(listener, service).with_graceful_shutdown(shutdown.cancelled_owned()).await?)
}

/// Returns a router with its own pool, which inserts into the same table as our receiver.
async fn router(database: PgConnectOptions) -> Result<Router, Failure> {
    let pool =
        PgPoolOptions::new().max_connections(CONNECTIONS).min_connections(CONNECTIONS).connect_with(database).await?;
    Ok(Router::new().route("/callbacks/{name}", post(accept)).with_state(pool))
}

async fn accept(
    State(pool): State<PgPool>,
    ConnectInfo(source): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(HeaderMap, String), StatusCode> {
    if headers.get(AUTHORIZATION).is_none_or(|value| value != "Basic a2V5OnNlY3JldA==") {
        return Err(StatusCode::UNAUTHORIZED);
    }
    serde_json::from_slice::<serde_json::Value>(&body).map_err(|_| StatusCode::BAD_REQUEST)?;
    let id = Uuid::now_v7();
    let mut kept = Vec::new();
    for name in [CONTENT_TYPE, USER_AGENT] {
        if let Some(value) = headers.get(&name) {
            kept.extend_from_slice(format!("{name}: ").as_bytes());
            kept.extend_from_slice(value.as_bytes());
            kept.extend_from_slice(b"\r\n");
        }
    }
    sqlx::query(
        "insert into eqp.callback (id, endpoint_id, credential_id, received_at, source, headers, body, via)
         values ($1, $2, $3, $4, $5, $6, $7, 'writer')",
    )
    .bind(id)
    .bind(1_i64)
    .bind(1_i64)
    .bind(OffsetDateTime::now_utc())
    .bind(source.ip())
    .bind(&kept)
    .bind(&body[..])
    .execute(&pool)
    .await
    .map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    let mut answer = HeaderMap::new();
    answer.insert(CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    Ok((answer, format!(r#"{{"id":"{id}"}}"#)))
}
