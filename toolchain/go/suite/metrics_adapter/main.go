// The metrics adapter: the API custom.metrics.k8s.io out of Prometheus, by the rules of sigs.k8s.io/prometheus-adapter.
//
// It is made of that project's packages on the current sigs.k8s.io/custom-metrics-apiserver: its own program stands on
// the Kubernetes libraries of 1.30, this one on those that everything else of this module is built with.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"time"

	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/component-base/logs"
	"k8s.io/klog/v2"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/cmd"
	prometheus "sigs.k8s.io/prometheus-adapter/pkg/client"
	"sigs.k8s.io/prometheus-adapter/pkg/config"
	customprovider "sigs.k8s.io/prometheus-adapter/pkg/custom-provider"
	"sigs.k8s.io/prometheus-adapter/pkg/naming"
)

// An answer later than this is of no use to an autoscaler that asks every 15 seconds.
const queryTimeout = 10 * time.Second

// untimed leaves out the parameter `timeout` of a query. What prometheus-adapter v0.12.0 computes for it is below zero,
// since it takes the deadline from the present, and Prometheus refuses that; the request itself keeps the deadline.
type untimed struct {
	prometheus.GenericAPIClient
}

func (client untimed) Do(
	ctx context.Context, verb, endpoint string, query url.Values,
) (prometheus.APIResponse, error) {
	query.Del("timeout")
	return client.GenericAPIClient.Do(ctx, verb, endpoint, query)
}

type adapter struct {
	cmd.AdapterBase
	prometheusURL string
	rules         string
	relist        time.Duration
	maxAge        time.Duration
}

func main() {
	logs.InitLogs()
	defer logs.FlushLogs()
	if err := run(genericapiserver.SetupSignalContext(), os.Args[1:]); err != nil {
		klog.ErrorS(err, "The metrics adapter ended")
		klog.FlushAndExit(klog.ExitFlushTimeout, 1)
	}
}

func run(ctx context.Context, arguments []string) error {
	made := &adapter{AdapterBase: cmd.AdapterBase{Name: "metrics-adapter"}}
	flags := made.Flags()
	flags.StringVar(&made.prometheusURL, "prometheus-url", "", "where Prometheus is, such as http://prometheus:9090/")
	flags.StringVar(&made.rules, "config", "", "the file of rules")
	flags.DurationVar(&made.relist, "metrics-relist-interval", time.Minute, "how often metrics are looked for")
	flags.DurationVar(&made.maxAge, "metrics-max-age", 5*time.Minute, "how far back a metric is looked for")
	logs.AddFlags(flags)
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	if err := made.provide(ctx); err != nil {
		return err
	}
	return made.Run(ctx)
}

// provide reads the rules and attaches what answers by them.
func (made *adapter) provide(ctx context.Context) error {
	if made.relist <= 0 || made.maxAge < made.relist {
		return fmt.Errorf("--metrics-relist-interval=%v --metrics-max-age=%v: the first is above 0, the second no less",
			made.relist, made.maxAge)
	}
	address, err := url.Parse(made.prometheusURL)
	if err != nil {
		return fmt.Errorf("--prometheus-url: %w", err)
	}
	if address.Host == "" || (address.Scheme != "http" && address.Scheme != "https") {
		return fmt.Errorf("--prometheus-url=%q: it is http://host:port/ or https://host:port/", made.prometheusURL)
	}
	rules, err := config.FromFile(made.rules)
	if err != nil {
		return fmt.Errorf("--config=%q: %w", made.rules, err)
	}
	if len(rules.Rules) == 0 || len(rules.ExternalRules) > 0 || rules.ResourceRules != nil {
		return errors.New("--config: custom metrics have `rules`, and nothing but these is served")
	}
	mapper, err := made.RESTMapper()
	if err != nil {
		return err
	}
	objects, err := made.DynamicClient()
	if err != nil {
		return err
	}
	namers, err := naming.NamersFromConfig(rules.Rules, mapper)
	if err != nil {
		return fmt.Errorf("--config=%q: %w", made.rules, err)
	}
	client := prometheus.NewGenericAPIClient(&http.Client{Timeout: queryTimeout}, address, http.Header{})
	asking := prometheus.NewClientForAPI(untimed{client}, http.MethodGet)
	provider, lister := customprovider.NewPrometheusProvider(mapper, objects, asking, namers, made.relist, made.maxAge)
	lister.RunUntil(ctx.Done())
	made.WithCustomMetrics(provider)
	return nil
}
