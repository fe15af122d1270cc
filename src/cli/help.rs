//! What `--help` says.

pub const HELP: &str = "\
Wattboard: a dashboard for a home with solar panels, a battery and hourly prices

usage: wattboard [COMMAND] [FLAGS]

commands:
  serve    serve the site of a config (also what runs when no command is named)
  demo     make a simulated house in a temporary folder and serve it
  check    look at a site: config, paths, database, files, logs, price memory,
           price API, clock
  healthcheck
           ask the running server how it does: one line, and exit status 0 or 1,
           for cron, supervisors and containers
  tariff   show what a day's electricity costs beside the market price, by the hour
  prices backfill
           ask PSE for past prices that the price memory lacks, newest month
           first; the server does the same, in the background
  export   write energy rows, decisions, prices or closed days to standard output
  migrate  take the JSON files of older versions over into the database, what is
           there already left out; the coordinator must not run meanwhile
  snapshots create-missing [DAYS]
           save the summaries of the last days that have none [default: 30]
  snapshots create DATE
  snapshots monthly YEAR MONTH
           save this day's or month's summary, also in place of a saved one

flags of every command but demo:
  --config FILE      the coordinator's config [default: $WATTBOARD_CONFIG, else
                     config/master_coordinator_config.yaml]
flags of serve, check, export and prices backfill:
  --state-dir DIR    where Wattboard's own files lie: its database and its price
                     cache [default: $WATTBOARD_STATE_DIR, else the first one of
                     $STATE_DIRECTORY, else the site's data]
flags of serve, demo and healthcheck:
  --host HOST        listen here [default: web_server.host; demo: 127.0.0.1]
  --port PORT        listen on this port, 0 for any free one
                     [default: web_server.port; demo: 8080]
flags of serve and demo:
  --log-level LEVEL  off, error, warning, info or debug
                     [default: logging.level]
flags of healthcheck:
  --url URL          the server [default: where the config says; --host and --port
                     go before the config]
  --max-age SECONDS  not healthy when the reading of the house is older
flags of tariff:
  --day DAY          YYYY-MM-DD, today or tomorrow [default: today]
  --tariff NAME      an entry of distribution_pricing, or a preset such as
                     tauron-2026/g12w (without --config no config is read)
                     [default: what the config selects]
flags of demo:
  --days N           how many days of history to make [default: 60]
  --seed N           which house [default: 7]
flags of prices backfill:
  --from DATE        only days from this one on, such as 2026-01-01
  --pause SECONDS    between two requests, at least 1 [default: 60]
flags of export:
  --what WHAT        energy, decisions, prices or days [of influx and
                     openmetrics the default is all of them]
  --from DATE        the first day, such as 2026-01-01 [default: the first one]
  --to DATE          the last day, itself included [default: the last one]
  --format FORMAT    csv, csv-pl (semicolons and decimal commas, for
                     spreadsheets in Polish), jsonl, influx (line protocol) or
                     openmetrics [default: csv]
flags of migrate:
  --dry-run          only say what would be done
  --force            also while the coordinator runs

  --help             this text
  --version          the version
";
