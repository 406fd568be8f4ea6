//! `blazing-sun keys`: the files that the processes of a deployment share.

use crate::cli::KeysAction;
use blazing_sun_backbone::clock;
use blazing_sun_backbone::credentials::{Keys, KeysError};
use serde_json::json;

/// Makes what is asked for, and says what that is.
pub fn run(action: &KeysAction, json: bool) -> Result<String, KeysError> {
    let (file, what) = match action {
        KeysAction::Create { file } => {
            Keys::create(file, clock::now())?;
            (
                file,
                "new keys: every backend gets them as BLAZING_SUN_KEYS",
            )
        }
        KeysAction::Gateway { keys, file } => {
            Keys::load(keys)?.for_gateway().create_file(file)?;
            (
                file,
                "a gateway's keys: every gateway gets them as BLAZING_SUN_KEYS",
            )
        }
    };
    Ok(match json {
        true => json!({ "file": file }).to_string(),
        false => format!("{}: {what}", file.display()),
    })
}
