#include "connectors/files/source_config.h"

#include "connectors/files/dated_path.h"

namespace trommel {

template <>
struct EnumNames<Unpack> {
  static constexpr EnumName<Unpack> list[] = {
      {"auto", Unpack::automatic}, {"none", Unpack::none},   {"gzip", Unpack::gzip}, {"zip", Unpack::zip},
      {"zstd", Unpack::zstd},      {"bzip2", Unpack::bzip2}, {"xz", Unpack::xz},     {"lz4", Unpack::lz4}};
};

template <>
struct EnumNames<After> {
  static constexpr EnumName<After> list[] = {{"keep", After::keep}, {"delete", After::remove}, {"move", After::move}};
};

template <>
struct EnumNames<Evolve> {
  static constexpr EnumName<Evolve> list[] = {
      {"fail", Evolve::fail}, {"add", Evolve::add}, {"widen", Evolve::widen}, {"ignore", Evolve::ignore}};
};

template <>
struct EnumNames<SameContent> {
  static constexpr EnumName<SameContent> list[] = {{"take", SameContent::take}, {"skip", SameContent::skip}};
};

namespace {

void check(const FilesConfig& config, const Node& node, Problems& problems) {
  const auto place = [&](const char* key) {
    const Node* found = node.find(key);
    return found ? found->place : node.place;
  };
  if (config.after == After::move && !config.move_to)
    problems.add(place("after"), "`after: move` needs a folder", "such as `move_to: taken/`");
  if (config.after != After::move && config.move_to)
    problems.add(place("move_to"), "`move_to` is for files that are moved", "say `after: move`, or leave it out");
  if (config.settle && !config.watch)
    problems.add(place("settle"), "`settle` is for a watched folder", "say `watch: true`, or leave it out");
  if (config.evolve && config.watch)
    problems.add(place("evolve"), "`evolve` compares runs, and a watched folder is one run without end",
                 "a contract says what its files must have");
  const bool puts_away = config.watch || config.after != After::keep || config.rejects.whole_file;
  for (const std::string& path : config.path) {
    if (puts_away && path == "-")
      problems.add(place("path"), "standard input cannot be watched, nor put away", "name files");
    if (const DatedPath dated(path); !dated.mistake().empty())
      problems.add(place("path"), dated.mistake(), "such as in/{date:%Y-%m-%d}.csv");
    if (config.watch && path.find('!') != std::string::npos)
      problems.add(place("path"), "a watched folder takes whole archives: `" + path + "`",
                   "leave out what stands from `!` on");
  }
}

}  // namespace

const Spec<FileRejects>& FileRejects::spec() {
  static const auto spec =
      Spec<FileRejects>("rejects", "What else happens on a bad row than that it is refused")
          .field("whole_file", &FileRejects::whole_file,
                 "a file with a bad row is refused as a whole and moved into this folder, with a NAME.why.txt beside "
                 "it that says what is wrong and how to mend it",
                 {.example = "input/refused"});
  return spec;
}

const Spec<FilesConfig>& FilesConfig::spec() {
  static const auto spec =
      Spec<FilesConfig>("files", "Reads files of any known format, packed or not")
          .field("path", &FilesConfig::path,
                 "files to read: `*`, `?`, `[a-z]`, `{a,b}` and `**` match many, `a.zip!b.csv` names a file in an "
                 "archive, `-` is standard input; `{date:%Y-%m-%d}` is a day, for `run --from DAY --to DAY`",
                 {.example = "input/**/*.csv", .required = true})
          .field("format", &FilesConfig::format,
                 "what the files hold; left out: what their bytes and then their names say", {.example = "csv"})
          .field("compression", &FilesConfig::compression, "how the files are packed; auto goes by their first bytes")
          .field("watch", &FilesConfig::watch,
                 "go on for ever, and take each file that is dropped there once it is complete")
          .field("after", &FilesConfig::after, "what becomes of a file once its rows are in every sink",
                 {.example = "delete"})
          .field("move_to", &FilesConfig::move_to, "the folder for `after: move`", {.example = "taken/"})
          .field("settle", &FilesConfig::settle,
                 "how long size and time of a dropped file must stand still; left out: it is taken as soon as nobody "
                 "has it open for writing, and after 2s where the system does not tell",
                 {.example = "5s"})
          .field("same_content", &FilesConfig::same_content,
                 "take or skip a file that holds, byte for byte, what one before it held")
          .field("remember", &FilesConfig::remember, "how long contents are remembered for `same_content: skip`",
                 {.example = "30d"})
          .field("rejects", &FilesConfig::rejects, "what else happens on a bad row than that it is refused",
                 {.example = "{ whole_file: input/refused }"})
          .field(
              "evolve", &FilesConfig::evolve,
              "what becomes of columns that are not those of earlier runs: fail reads nothing, add takes new ones, "
              "widen takes wider types too, ignore leaves new ones out and rejects what does not fit; left out, each "
              "run stands for itself",
              {.example = "add"})
          .scalar_is("path")
          .check(check);
  return spec;
}

std::optional<Packing> FilesConfig::packing() const {
  if (compression != Unpack::automatic) return static_cast<Packing>(compression);
  return std::nullopt;
}

}  // namespace trommel
