#include "connectors/clickhouse/columns.h"

#include <fmt/format.h>

#include "connectors/clickhouse/dialect.h"

namespace trommel::clickhouse {

Result<std::vector<Column>> columns_of_select(Client& client, const Engine& engine, const std::string& sql,
                                              const Settings& settings, Exception* exception) {
  Statement statement{.sql = fmt::format("DESCRIBE TABLE ({}\n)", sql), .settings = standard_settings(engine)};
  statement.settings.insert(statement.settings.end(), settings.begin(), settings.end());
  const auto answer = client.run(statement, exception);
  if (!answer) return tl::unexpected(answer.error());
  std::vector<Column> out;
  std::string_view rest = answer->body;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const size_t first = line.find('\t'), second = line.find('\t', first + 1);
    if (first == std::string_view::npos || second == std::string_view::npos)
      return external_error(client.address().shown(), fmt::format("DESCRIBE answers {}", line));
    out.push_back(
        {unescaped_value(line.substr(0, first)), unescaped_value(line.substr(first + 1, second - first - 1))});
  }
  return out;
}

}  // namespace trommel::clickhouse
