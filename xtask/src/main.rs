//! Every automation of the repository: `cargo xtask <command>`, one file per command.

mod bench;
mod budget;
mod build;
mod check;
mod clients;
mod command;
mod conform;
mod connect;
mod deploy;
mod dev;
mod doctor;
mod emulator;
mod fuzz;
mod http;
mod image;
mod interleavings;
mod interrupt;
mod kills;
mod metadata;
mod new;
mod plan;
mod process;
mod replay;
mod routing;
mod scenario;
mod schema;
mod sim;
mod size;
mod terminal;
mod terraform;
mod workspace;

#[cfg(test)]
mod tests;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::terminal::Terminal;

/// Automation of this repository.
#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    after_help = "Examples:
  cargo xtask replay                      every scenario: in order, shuffled, repeated, with faults
  cargo xtask replay venture-life         one scenario, the same four ways
  cargo xtask dev                         everything on a folder, rebuilt as you change it
  cargo xtask sim --seeds 20000           whole histories in virtual time, with everything that can go wrong
  cargo xtask check                       what CI runs
  cargo xtask clients                     Google's Python and Node clients and gcloud, against the emulator
  cargo xtask conform                     every store keeps the storage contract, and all are alike
  cargo xtask interleavings               what can happen to each handler, counted
  cargo xtask fuzz push --minutes 5       any bodies of pushes, as many as that gives
  cargo xtask emulator --port 9090        Cloud Storage and Pub/Sub on loopback, for any client
  cargo xtask kills --times 100           the emulator on a folder, killed under load
  cargo xtask schema check                entities and indices as data, and what each index costs
  cargo xtask build                       static binaries, the same wherever they are built
  cargo xtask image --push HOST/REPOSITORY
                                          images of all functions, without Docker
  cargo xtask size                        what is in each binary, and what is over budget
  cargo xtask bench                       cold start, memory and CPU against a bare server
  cargo xtask plan --env dev              what a deployment would change, judged and saved
  cargo xtask deploy --env dev            exactly that, and whether it works
  cargo xtask doctor --env dev            is a real project what its configuration says
  cargo xtask terraform generate          what terraform/ reads of the functions and the kinds
  cargo xtask write venture V1 --file f   append a record, if it counts
  cargo xtask seed ./entities --dry-run   what a folder of documents would become
  cargo xtask quarantine list             what functions could not handle, and what is still open
  cargo xtask index build ventures by-status-v2 --dry-run
                                          what an index over existing data would cost
  cargo xtask get venture V1 --env dev    what an entity is, or was with --as-of or --known-at
  cargo xtask list venture                all there are, up to the last change
  cargo xtask history venture V1          who changed what, record by record
  cargo xtask why venture V1              what counts, what came from what, what is out of date
  cargo xtask index ventures by-status Pilot
                                          what an index says below a key
  cargo xtask restore --known-at 2025-11-06T12:00:00Z --dry-run
                                          what would be as it was known to be, and the cost
  cargo xtask undelete venture V1         the document before its tombstone
  cargo xtask copy --to gs://BUCKET       history in another bucket
  cargo xtask drill --to gs://BUCKET      does a restore from history bring the same
  cargo xtask purge venture V1 --reason TICKET --dry-run
                                          what an erasure would erase
  cargo xtask reconcile --repair          whatever differs from history, found and mended
  cargo xtask rebuild indices --dry-run   what deriving everything anew would cost
  cargo xtask status --env prod           what needs a person, and how far everything is
  cargo xtask dlq list --env prod         what Pub/Sub has given up, and about which entity
  cargo xtask capture --segment ventures --to DIR
                                          history and what is stored, for `replay --from DIR --diff`
  cargo xtask pause --env prod            nothing is pushed to functions until `resume`
  cargo xtask cost --events 1e6           what a month costs, by item
  cargo xtask migrate --dry-run           which snapshots this release reads in another way
  cargo xtask compact --full --dry-run    what gathering every manifest in shards would cost
  cargo xtask new score-keeper            a function that builds, is tested and is routed at once"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Replay(replay::Options),
    Dev(dev::Options),
    Check(check::Options),
    Clients(clients::Options),
    Conform(conform::Options),
    Interleavings(interleavings::Options),
    New(new::Options),
    Build(build::Options),
    Image(Box<image::Options>),
    Size(size::Options),
    Bench(bench::Options),
    Schema(schema::Options),
    Sim(sim::Options),
    Plan(plan::Options),
    Deploy(deploy::Options),
    Doctor(doctor::Options),
    Terraform(terraform::Options),
    Fuzz(fuzz::Options),
    Emulator(emulator::Options),
    Kills(kills::Options),
    Compact(manifest_compactor::Options),
    #[command(flatten)]
    Operator(operator::Command),
}

/// Runs the manifest-compactor. Where another run is ahead there is nothing to do.
fn compact(options: &manifest_compactor::Options) -> anyhow::Result<bool> {
    let ended = manifest_compactor::run(options, &operator::Screen::new())?;
    Ok(ended != manifest_compactor::Ended::Look)
}

fn main() -> ExitCode {
    let terminal = Terminal::new();
    let command = match Cli::try_parse() {
        Ok(cli) => cli.command,
        Err(err) => return operator::refuse(&err, &operator::Screen::new()),
    };
    let ended = match command {
        Command::Replay(options) => replay::run(&options, &terminal),
        Command::Dev(options) => dev::run(&options, &terminal),
        Command::Check(options) => check::run(&options, &terminal),
        Command::Clients(options) => clients::run(&options, &terminal),
        Command::Conform(options) => conform::run(&options, &terminal),
        Command::Interleavings(options) => interleavings::run(&options, &terminal),
        Command::Image(options) => image::run(&options, &terminal),
        Command::Size(options) => size::run(&options, &terminal),
        Command::Bench(options) => bench::run(&options, &terminal),
        Command::Build(options) => build::run(&options, &terminal),
        Command::New(options) => new::run(&options, &terminal),
        Command::Schema(options) => schema::run(&options, &terminal),
        Command::Sim(options) => sim::run(&options),
        Command::Plan(options) => plan::run(&options, &terminal),
        Command::Deploy(options) => deploy::run(&options, &terminal),
        Command::Doctor(options) => doctor::run(&options, &terminal),
        Command::Terraform(options) => terraform::run(&options, &terminal),
        Command::Fuzz(options) => fuzz::run(&options, &terminal),
        Command::Emulator(options) => emulator::run(&options, &terminal),
        Command::Kills(options) => kills::run(&options, &terminal),
        Command::Compact(options) => compact(&options),
        Command::Operator(command) => {
            operator::run(&command, &operator::Screen::new()).map_err(anyhow::Error::new)
        }
    };
    match ended {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(err) => {
            terminal.error(&err);
            ExitCode::FAILURE
        }
    }
}
