//! Creates and changes the subscriptions that a file declares, in a transaction that holds the lock of the fan-out.

use sqlx::{PgConnection, query};

use crate::model::{NewSubscription, SealedSecret, SubscriptionId};

/// Locks the fan-out, so that no other transaction changes subscriptions.
pub async fn lock(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    query!("select generation from eqp.fanout for update").fetch_one(connection).await.map(drop)
}

/// Has every process load the subscriptions again.
pub async fn publish(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    query!("update eqp.fanout set generation = generation + 1").execute(connection).await.map(drop)
}

/// Changes the definition of a subscription. Its deliveries and its state stay as they are.
pub async fn update(
    connection: &mut PgConnection,
    subscription: SubscriptionId,
    new: &NewSubscription,
    sealed: Option<&SealedSecret>,
) -> Result<(), sqlx::Error> {
    query!(
        r#"
        update eqp.subscription
        set filter = $2::text::jsonb, handler = $3::text::jsonb, order_hold = make_interval(secs => $4), declared_by = $5,
            key_id = $6, nonce = $7, ciphertext = $8, fallback_for = $9,
            fallback_after = coalesce(make_interval(secs => $10), interval '5 minutes'), updated_at = now()
        where id = $1
        "#,
        subscription.0,
        new.filter,
        new.handler,
        new.order_hold.map(|hold| hold.as_secs_f64()) as Option<f64>,
        new.declared_by,
        sealed.map(|sealed| sealed.key_id.as_slice()),
        sealed.map(|sealed| sealed.nonce.as_slice()),
        sealed.map(|sealed| sealed.ciphertext.as_slice()),
        new.fallback.map(|(first, _)| first.0) as Option<i32>,
        new.fallback.map(|(_, after)| after.as_secs_f64()) as Option<f64>,
    )
    .execute(connection)
    .await?;
    Ok(())
}
