#include "connectors/kafka/offsets.h"

#include "base/json.h"
#include "base/lasting_folder.h"
#include "segment/checksum.h"

namespace trommel::kafka {

Result<Offsets> read_offsets(Env& env, const std::string& path) {
  Offsets out;
  if (!env.exists(path)) return out;
  ASSIGN(const std::string text, env.read_text(path));
  const auto damaged = [&](const std::string& why) {
    return tl::unexpected(Error{Error::Domain::external, path, "is damaged: " + why,
                                "restore the state folder from a copy, or start anew under another name", false});
  };
  const size_t line_end = text.find('\n');
  const std::string line = text.substr(0, line_end);
  if (line_end == std::string::npos || text.substr(line_end + 1) != checksum_of(line) + "\n")
    return damaged("its checksum is not that of its text");
  ASSIGN(const Json all, parse_json(line, path));
  for (const auto& [topic, partitions] : all.items()) {
    for (const auto& [number, offset] : partitions.items())
      out[{topic, static_cast<int32_t>(std::stol(number))}] = offset.get<int64_t>();
  }
  return out;
}

Result<> write_offsets(Env& env, const std::string& path, const Offsets& offsets) {
  Json all = Json::object();
  for (const auto& [partition, offset] : offsets) all[partition.topic][std::to_string(partition.number)] = offset;
  const std::string line = json_line(all);
  TRY(make_lasting_directories(env, folder_of(path)));
  return env.write_durably(path, line + "\n" + checksum_of(line) + "\n");
}

}  // namespace trommel::kafka
