//! A test for each command: what it does, the events it causes, in their order and with who hears them, each of
//! its refusals, and that nobody else sees any of it.

mod chat;
mod games;
mod heard;
mod lobby;
mod moderation;
mod scene;
mod seats;
mod spectators;
mod wallet;

use blazing_sun_backbone::messages::CLIENT_COMMANDS;
use blazing_sun_domain::games::built_in;
use scene::{Ended, Row, full_name};
use std::collections::BTreeSet;

/// Each row is a test of its own, of the commands that are named beside it.
macro_rules! rows {
    ($($file:ident::$row:ident: $($command:literal)*;)*) => {
        const TESTED: &[&str] = &[$($($command,)*)*];

        $(
            #[tokio::test]
            async fn $row() {
                let _: Ended = $file::$row(Row(&[$($command),*])).await;
            }
        )*
    };
}

rows! {
    lobby::create_room: "create_room";
    lobby::join_room: "join_room";
    lobby::list_rooms: "list_rooms";
    lobby::quick_match: "quick_match";
    lobby::rejoin_room: "rejoin_room";
    lobby::leave_room: "leave_room";
    lobby::leave_room_in_play: "leave_room";
    lobby::invite_players: "invite_players";
    lobby::player_disconnected:;
    lobby::general_refusals:;
    spectators::spectate: "spectate" "join_as_spectator";
    spectators::stop_spectating: "stop_spectating" "leave_spectate";
    spectators::change_places: "become_spectator" "become_player" "select_spectator";
    seats::select_player: "select_player";
    seats::select_player_without_money: "select_player";
    seats::deselect_player: "deselect_player";
    seats::ready: "ready" "set_ready";
    seats::reveal_seed: "reveal_seed";
    seats::reveal_seed_too_late: "reveal_seed";
    seats::start_game: "start_game";
    moderation::kick: "kick_player" "kick_spectator";
    moderation::ban: "ban_player" "unban_player";
    moderation::mute: "mute_user" "unmute_user";
    chat::send_chat: "send_chat";
    chat::get_chat_history: "get_chat_history";
    chat::send_message: "chat.command.send_message";
    chat::send_lobby_message: "chat.command.send_lobby_message";
    chat::typing: "chat.command.typing";
    chat::mark_read: "chat.command.mark_read";
    wallet::top_up: "wallet.command.top_up";
    wallet::top_up_without_a_checkout: "wallet.command.top_up";
    wallet::cancel_top_up: "wallet.command.cancel_top_up";
    wallet::set_deposit_limit: "wallet.command.set_deposit_limit";
    wallet::exclude_self: "wallet.command.exclude_self" "quick_match" "create_room";
    games::roll: "bigger_dice.roll";
    games::bigger_dice_auto_play: "bigger_dice.enable_auto_play";
    games::mark_a_cell: "tic_tac_toe.move";
    games::tic_tac_toe_auto_play: "tic_tac_toe.enable_auto_play";
}

#[test]
fn every_command_has_a_test() {
    let mut commands: BTreeSet<String> =
        CLIENT_COMMANDS.iter().map(|name| (*name).into()).collect();
    for game in built_in().iter() {
        let moves = game.moves.keys().map(String::as_str);
        let names = moves.chain(["enable_auto_play"]);
        commands.extend(names.map(|name| full_name(&format!("{}.{name}", game.name))));
    }
    let tested = TESTED.iter().map(|name| full_name(name)).collect();
    assert_eq!(commands, tested);
}
