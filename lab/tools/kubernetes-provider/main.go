// Command pulumi-resource-kubernetes is the Kubernetes provider of Pulumi, unchanged, out of its Go module.
package main

import (
	_ "embed"

	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/provider"
)

// version is upstream's tag for the pseudo-version that go.mod pins; the build sets it.
var version string

//go:embed schema.json
var schema []byte

//go:embed terraform-mapping.json
var mapping []byte

func main() { provider.Serve("kubernetes", version, schema, mapping) }
