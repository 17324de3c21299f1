#include <csignal>
#include <cstdio>
#include <exception>
#include <new>

#include "mica/cli/command.h"

int main(int argc, char** argv) {
  // A reader that goes away (mica generate | head) shows up as a failed write, not as a signal.
  std::signal(SIGPIPE, SIG_IGN);
  try {
    CLI::App app(
        "mica runs language models on this machine's processor.\n"
        "`mica COMMAND --help` explains a command and shows examples.");
    app.name("mica");
    app.set_version_flag("--version", "mica " MICA_VERSION);
    app.require_subcommand(1);
    mica::cli::add_generate(app);
    mica::cli::add_chat(app);
    mica::cli::add_bench(app);
    mica::cli::add_logits(app);
    mica::cli::add_perplexity(app);
    mica::cli::add_tokenize(app);
    mica::cli::add_detokenize(app);
    mica::cli::add_template(app);
    mica::cli::add_info(app);
    mica::cli::add_pack(app);
    try {
      app.parse(argc, argv);
    } catch (const CLI::CallForHelp& help) {
      return app.exit(help);
    } catch (const CLI::CallForVersion& version) {
      return app.exit(version);
    } catch (const CLI::ParseError& error) {
      std::fprintf(stderr, "mica: %s (see mica --help)\n", error.what());
      return 2;
    }
    // A full disk shows only when buffers are written out.
    if (std::fflush(stdout) != 0 || std::ferror(stdout)) {
      std::fprintf(stderr, "mica: cannot write to standard output\n");
      return 1;
    }
    return 0;
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "mica: out of memory\n");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "mica: %s\n", error.what());
  }
  return 1;
}
