//! The tables of docs/tools.md, made from the command line itself so that they cannot drift.

use super::CommandLine;
use clap::{Arg, Command, CommandFactory};

fn reference() -> String {
    let mut line = CommandLine::command();
    line.build();
    let mut out = String::new();
    for command in line.get_subcommands() {
        describe(&mut out, command, command.get_name());
    }
    out
}

fn describe(out: &mut String, command: &Command, name: &str) {
    let own: Vec<&Command> = command
        .get_subcommands()
        .filter(|sub| sub.get_name() != "help")
        .collect();
    if name == "help" {
        return;
    }
    let about = command
        .get_about()
        .map(ToString::to_string)
        .unwrap_or_default();
    out.push_str(&format!("### {name}\n\n{about}.\n\n"));
    let is_told =
        |argument: &&Arg| !["help", "version", "json"].contains(&argument.get_id().as_str());
    let rows: Vec<String> = command.get_arguments().filter(is_told).map(row).collect();
    if !rows.is_empty() && own.is_empty() {
        out.push_str("| argument | meaning |\n|---|---|\n");
        out.push_str(&rows.concat());
        out.push('\n');
    }
    for sub in own {
        describe(out, sub, &format!("{name} {}", sub.get_name()));
    }
}

fn row(argument: &Arg) -> String {
    let values: Vec<String> = argument
        .get_value_names()
        .unwrap_or_default()
        .iter()
        .map(ToString::to_string)
        .collect();
    let takes_value = argument.get_action().takes_values();
    let shown = match argument.get_long() {
        Some(long) if takes_value => format!("--{long} {}", values.join(" ")),
        Some(long) => format!("--{long}"),
        None => argument.get_id().as_str().to_uppercase(),
    };
    let help = argument
        .get_help()
        .map(ToString::to_string)
        .unwrap_or_default();
    let defaults: Vec<String> = argument
        .get_default_values()
        .iter()
        .filter(|_| takes_value)
        .map(|value| value.to_string_lossy().into_owned())
        .collect();
    let default = match defaults.is_empty() {
        true => String::new(),
        false => format!(" [default: {}]", defaults.join(", ")),
    };
    let variable = argument.get_env().map_or_else(String::new, |name| {
        format!(" [environment: {}]", name.to_string_lossy())
    });
    format!("| `{shown}` | {help}{default}{variable} |\n").replace("\u{a0}", " ")
}

#[test]
fn generated_tools_documentation_is_up_to_date() {
    const BEGIN: &str = "<!-- tools: made by `make generated` -->\n";
    const END: &str = "<!-- end of tools -->\n";
    let wanted = format!("\n{}", reference());
    blazing_sun_harness::generated::section("docs/tools.md", BEGIN, END, &wanted);
}
