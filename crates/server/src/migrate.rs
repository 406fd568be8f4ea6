//! `blazing-sun migrate`: brings the stores of a deployment to this program's schemas, or says which are behind.

use crate::brokers::{postgres_options, postgres_options_of_checkout};
use crate::cli::MigrateArgs;
use crate::config::Config;
use crate::data_dir::{DataDir, MIGRATING, database_file, database_in};
use crate::operator::{LogOf, Noting, noted};
use crate::place::Place;
use crate::progress::Progress;
use crate::serve::CHECKOUT_DATABASE;
use anyhow::Context;
use blazing_sun_backbone::schema::SchemaVersions;
use blazing_sun_backend::store::postgres::PgPool;
use blazing_sun_backend::store::{StoreError, sqlite};
use blazing_sun_checkout::store::{
    PgPaymentStore, SqlitePaymentStore, StoreError as CheckoutStoreError,
};
use serde::Serialize;
use serde_json::json;
use std::path::Path;

/// A store and its schema.
#[derive(Debug, Serialize)]
pub struct Store {
    /// Which one.
    pub store: &'static str,
    /// How its schema stands.
    #[serde(flatten)]
    pub schema: SchemaVersions,
}

const STORE: &str = "store";
const CHECKOUT: &str = "checkout";

/// What was done, in words or as JSON, and whether nothing is left to do.
pub async fn run(args: &MigrateArgs, is_json: bool) -> anyhow::Result<(String, bool)> {
    let place = args.data.place()?;
    // Held, so that no server starts on the folder meanwhile.
    let _held = match (&place, args.check) {
        (Place::Folder(folder), false) => {
            database_file(folder)?;
            let held = DataDir::take(folder);
            let held = held.context("a server brings its own data up to date when it starts")?;
            held.says(MIGRATING);
            Some(held)
        }
        _ => None,
    };
    let stores = stores(&place).await?;
    for store in &stores {
        refuse_newer(store)?;
    }
    if !args.check {
        let _shown = Progress::of("migrating");
        let log = LogOf::Held(&place);
        let migrated = migrate(&place, &stores);
        noted(log, Noting::Migrate, json!({ "stores": stores }), migrated).await?;
    }
    let is_done = !args.check || !stores.iter().any(|store| store.schema.is_behind());
    let text = match is_json {
        true => {
            json!({ "stores": stores, "migrated": !args.check, "behind": !is_done }).to_string()
        }
        false => told(&stores, args.check),
    };
    Ok((text, is_done))
}

/// The stores of a deployment: the checkout's where there is one.
pub async fn stores(place: &Place) -> anyhow::Result<Vec<Store>> {
    let (schema, checkout) = match place {
        Place::Folder(folder) => of_folder(folder)?,
        Place::Cluster(config) => of_cluster(config).await?,
    };
    let checkout = checkout.map(|schema| Store {
        store: CHECKOUT,
        schema,
    });
    let store = Store {
        store: STORE,
        schema,
    };
    Ok(std::iter::once(store).chain(checkout).collect())
}

fn of_folder(folder: &Path) -> anyhow::Result<(SchemaVersions, Option<SchemaVersions>)> {
    let database = database_file(folder)?;
    let schema =
        sqlite::schema(&database).with_context(|| format!("cannot read {}", database.display()))?;
    let checkout = folder.join(CHECKOUT_DATABASE);
    if !checkout.is_file() {
        return Ok((schema, None));
    }
    let of_checkout = SqlitePaymentStore::schema(&checkout);
    let of_checkout = of_checkout.with_context(|| format!("cannot read {}", checkout.display()))?;
    Ok((schema, Some(of_checkout)))
}

async fn of_cluster(config: &Config) -> anyhow::Result<(SchemaVersions, Option<SchemaVersions>)> {
    let options = postgres_options(&config.database)?;
    let schema = PgPool::schema(&options);
    let schema = schema.await.context("cannot read `database.url`")?;
    if config.payments.database_url.is_none() {
        return Ok((schema, None));
    }
    let options = postgres_options_of_checkout(config)?;
    let of_checkout = PgPaymentStore::schema(&options).await;
    let of_checkout = of_checkout.context("cannot read `payments.database_url`")?;
    Ok((schema, Some(of_checkout)))
}

fn refuse_newer(store: &Store) -> anyhow::Result<()> {
    let SchemaVersions { found, known } = store.schema;
    match (store.schema.is_newer(), store.store) {
        (false, _) => Ok(()),
        (true, CHECKOUT) => Err(CheckoutStoreError::Newer { found, known })
            .context("the checkout's store is left as it is"),
        (true, _) => Err(StoreError::Newer { found, known }).context("the store is left as it is"),
    }
}

/// Brings the stores of a folder, which somebody holds, to this program's schemas.
pub async fn bring_up_to_date(folder: &Path) -> anyhow::Result<()> {
    let place = Place::Folder(folder.to_owned());
    let stores = stores(&place).await?;
    stores.iter().try_for_each(refuse_newer)?;
    migrate(&place, &stores).await
}

async fn migrate(place: &Place, stores: &[Store]) -> anyhow::Result<()> {
    let has_checkout = stores.iter().any(|store| store.store == CHECKOUT);
    match place {
        Place::Folder(folder) => {
            let (database, checkout) = (database_in(folder), folder.join(CHECKOUT_DATABASE));
            let migrated = tokio::task::spawn_blocking(move || {
                let mut connection = sqlite::open_writer(&database)?;
                sqlite::migrate(&mut connection)?;
                if has_checkout {
                    SqlitePaymentStore::open(&checkout)?;
                }
                anyhow::Ok(())
            });
            migrated.await?.context("cannot migrate")
        }
        Place::Cluster(config) => {
            let migrated = PgPool::open(&postgres_options(&config.database)?).await;
            migrated.context("cannot migrate `database.url`")?;
            if has_checkout {
                let options = postgres_options_of_checkout(config)?;
                let migrated = PgPaymentStore::open(&options).await;
                migrated.context("cannot migrate `payments.database_url`")?;
            }
            Ok(())
        }
    }
}

fn told(stores: &[Store], is_check: bool) -> String {
    let lines = stores.iter().map(|Store { store, schema }| {
        let SchemaVersions { found, known } = schema;
        match (schema.is_behind(), is_check) {
            (false, _) => format!("{store}: its schema is {known}, as this program's"),
            (true, true) => format!(
                "{store}: its schema is {found}, this program's {known}: `blazing-sun migrate` brings it there"
            ),
            (true, false) => format!("{store}: its schema was {found}, and is {known} now"),
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}
