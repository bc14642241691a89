#include "cli/cli.h"
#include "components.h"

int main(int argc, char** argv) { return trommel::run_command(argc, argv, trommel::all_components(), TROMMEL_VERSION); }
