// Swab reports which items of a benchmark were in a training corpus, with evidence,
// and writes the benchmark without them. See swab --help.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"swab/pipeline/publish"

	"github.com/spf13/cobra"
)

func main() {
	exitAfterSignal()
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// signalGrace is how long a run has to end by itself after a signal.
const signalGrace = 600 * time.Millisecond

// exitAfterSignal ends the process soon after a signal that a run does not obey by itself, as
// one that waits for a pipe or a slow disk. Outputs appear in one step and the next run
// removes what is left, so that ending anywhere loses nothing.
func exitAfterSignal() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM) // here: a new goroutine may start late
	go func() {
		<-signals
		time.Sleep(signalGrace)
		fmt.Fprintln(os.Stderr, interrupted)
		os.Exit(exitInterrupted)
	}()
}

const interrupted = "swab: interrupted; the same command continues where this one stopped"

// Exit codes.
const (
	exitOK          = 0
	exitOver        = 1   // finished, and --fail-above was exceeded
	exitError       = 2   // nothing published
	exitUnreported  = 4   // published, but printing the results or writing the metrics failed
	exitIncomplete  = 3   // finished, but some input could not be read
	exitInterrupted = 130 // by a signal; finished shards are kept for the next run
)

// An exit is an error that carries an exit code and may have nothing to print.
type exit struct {
	code int
	err  error
}

func (e exit) Error() string { return fmt.Sprint(e.err) }

// run runs the program with args, writes results to stdout and messages to stderr, and
// returns the exit code.
func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := rootCommand()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	var e exit
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &e):
		return e.code
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		fmt.Fprintln(stderr, interrupted)
		return exitInterrupted
	}
	printError(root.ErrOrStderr(), err)
	if errors.Is(err, publish.ErrPublished) {
		return exitUnreported
	}
	return exitError
}

// printError writes an error and what to try.
func printError(stderr io.Writer, err error) {
	fmt.Fprintf(stderr, "swab: error: %v\n", err)
	if h := hint(err); h != "" {
		fmt.Fprintf(stderr, "swab: hint: %s\n", h)
	}
}

// afterPublishing returns an error of what was to happen once what was in place, or nil.
func afterPublishing(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s is %w, but %w", what, publish.ErrPublished, err)
}

// rootCommand returns the program with all its verbs.
func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "swab",
		Short: "Report which benchmark items were in a training corpus, with evidence",
		Long: `swab reports, for any language-model benchmark, which of its items were in a training
corpus, with evidence: the document, the words, and how many documents. It writes
each benchmark without those items, so that a model can be scored on what it has
not seen.

It compares words: it does not detect paraphrases or translations of an item.

Exit codes: 0 finished; 1 finished and --fail-above was exceeded; 2 error,
nothing published; 3 finished, but some input could not be read; 4 published, but
printing the results or writing the metrics failed; 130 interrupted.`,
		Example: `  swab scan --corpus shards/ --bench gsm8k=test.jsonl --out audit
  swab index --corpus shards/ --out corpus.idx
  swab check --index corpus.idx --bench gsm8k=test.jsonl --out audit
  swab explain audit gsm8k/test/17
  swab score audit --results model=results.jsonl
  swab review audit
  swab benchmarks
  swab methods gpt3`,
		Version:       programVersion(),
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	logFlags(root)
	root.SetUsageFunc(usage)
	root.SetFlagErrorFunc(flagError)
	addVerbs(root, "Find", scanCommand(), indexCommand(), checkCommand())
	addVerbs(root, "Many machines", planCommand(), workCommand(), mergeCommand(), engineCommand())
	addVerbs(root, "Clean", decontaminateCommand())
	addVerbs(root, "Read an audit",
		explainCommand(), reviewCommand(), reportCommand(), cardCommand(), compareCommand(), historyCommand(),
		scoreCommand(), predictCommand(), exportCommand(), auditCommand())
	addVerbs(root, "Learn", benchmarksCommand(), methodsCommand(), initCommand(), configCommand(), versionCommand())
	root.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	help := helpCommand()
	help.GroupID = "Learn"
	root.SetHelpCommand(help)
	root.SetCompletionCommandGroupID("Learn")
	checkArgs(root)
	return root
}

// addVerbs adds a group of verbs to the program.
func addVerbs(root *cobra.Command, title string, verbs ...*cobra.Command) {
	root.AddGroup(&cobra.Group{ID: title, Title: title + ":"})
	for _, c := range verbs {
		c.GroupID = title
	}
	root.AddCommand(verbs...)
}
