// SPDX-License-Identifier: MIT
/// @file
/// @brief Time and memory to compile a program with `Ppo<CartPoleV1>` at -O2, and to include headers of signals/, by the
/// compiler of this build. Processor seconds of the compiler and of what it starts, its largest resident set; medians of 3.
///
/// Usage: compile_time [compiler, default that of this build]
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

#include "common.hpp"

namespace {

struct Program {
  const char* name;
  const char* text;
};

constexpr Program programs[] = {
    {"compile_ppo_cart_pole", R"(#include <rlx/env/classic/cart_pole.hpp>
#include <rlx/env/vector_env.hpp>
#include <rlx/nn/networks.hpp>
#include <rlx/rl/ppo.hpp>
int main() {
  rlx::ThreadPool pool(1);
  rlx::VectorEnv<rlx::CartPoleV1> envs({.num_envs = 8, .seed = 1}, pool, [](std::size_t) { return rlx::CartPoleV1(); });
  rlx::Ppo<rlx::CartPoleV1> ppo({}, envs, rlx::nn::mlp_actor_critic({.observation = 4, .action = 2}), pool);
  ppo.learn(100'000);
}
)"},
    {"compile_signals_recent_context", "#include <rlx/signals/recent_context.hpp>\nint main() {}\n"},
    {"compile_signals_scenarios", "#include <rlx/signals/scenarios.hpp>\nint main() {}\n"},
    {"compile_signals_retraining_loop", "#include <rlx/signals/retraining_loop.hpp>\nint main() {}\n"},
};

struct Cost {
  double seconds, mebibytes;
};

Cost run(const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    execvp(arguments[0], arguments.data());
    _exit(127);
  }
  int status = 0;
  rusage usage{};
  if (child < 0 || wait4(child, &status, 0, &usage) != child || status != 0) throw std::runtime_error("cannot compile");
  const auto seconds = [](const timeval& t) { return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec); };
  return {seconds(usage.ru_utime) + seconds(usage.ru_stime), static_cast<double>(usage.ru_maxrss) / 1024.0};
}

}  // namespace

int main(int argc, char** argv) {
  char directory[] = "/tmp/rlx_compile_XXXXXX";
  if (mkdtemp(directory) == nullptr) throw std::runtime_error("cannot make a directory in /tmp");
  const std::string source = std::string(directory) + "/program.cpp", object = std::string(directory) + "/program.o";
  std::vector<std::string> command = {argc > 1 ? argv[1] : RLX_COMPILER, "-std=c++20", "-O2", "-c", source, "-o", object};
  const std::string folders = RLX_INCLUDE_FOLDERS;  // separated by colons
  for (std::size_t begin = 0; begin < folders.size();) {
    const std::size_t end = std::min(folders.find(':', begin), folders.size());
    command.push_back("-I" + folders.substr(begin, end - begin));
    begin = end + 1;
  }
  for (const Program& program : programs) {
    std::FILE* const file = std::fopen(source.c_str(), "w");
    if (file == nullptr || std::fputs(program.text, file) < 0 || std::fclose(file) != 0)
      throw std::runtime_error("cannot write");
    std::vector<double> seconds, mebibytes;
    for (int i = 0; i < 3; ++i) {
      const Cost cost = run(command);
      seconds.push_back(cost.seconds);
      mebibytes.push_back(cost.mebibytes);
    }
    bench::print(program.name, bench::median(seconds), "s");
    bench::print(std::string(program.name) + "_memory", bench::median(mebibytes), "MiB");
  }
  for (const std::string& path : {source, object}) std::remove(path.c_str());
  rmdir(directory);
}
