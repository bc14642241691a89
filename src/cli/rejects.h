// What the verbs below `rejects` share: which pipeline is meant, and which of its rejects.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "cli/session.h"
#include "cli/verbs.h"
#include "engine/rejects.h"

namespace trommel::cli {

struct RejectOptions {
  std::string of;  ///< pipeline file, its name, or its state folder
  std::string reason, stage, since;
  std::vector<std::string> names;  ///< ids, and for `replay` an edited export
  std::vector<std::string> variables;
  int64_t limit = 20;
  bool json = false, all = false;
  std::string out, sql, where, max_rejects;
};

/// Which rejects are meant.
struct Chosen {
  std::string reason, stage;
  int64_t since_us = 0;
  std::set<std::string> ids;  ///< empty: whichever the others mean
  bool has(const Reject& reject) const;
};
/// Names that are no ids go to `others`.
Result<Chosen> chosen_by(const RejectOptions& options, int64_t now_us, std::vector<std::string>& others);

bool is_reject_id(const std::string& text);

int export_rejects(Session& session, const RejectOptions& options);
int replay_rejects(Session& session, const RejectOptions& options);

}  // namespace trommel::cli
