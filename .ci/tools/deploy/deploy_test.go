// Package deploy reads what stands in examples/deploy as those do for whom it is written.
package deploy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	strict "sigs.k8s.io/yaml"
)

const folder = "../../../examples/deploy/"

// TestDockerfile: the image is the program, its certificates and one folder, run by a user that is nobody.
func TestDockerfile(t *testing.T) {
	file, err := os.Open(folder + "Dockerfile")
	require.NoError(t, err)
	defer file.Close()
	parsed, err := parser.Parse(file)
	require.NoError(t, err)
	require.Empty(t, parsed.Warnings)
	stages, _, err := instructions.Parse(parsed.AST, nil)
	require.NoError(t, err)
	require.Len(t, stages, 2)
	require.Equal(t, "scratch", stages[1].BaseName)
	var copied []string
	for _, command := range stages[1].Commands {
		switch c := command.(type) {
		case *instructions.CopyCommand:
			require.Equal(t, "build", c.From)
			copied = append(copied, c.DestPath)
		case *instructions.UserCommand:
			require.Equal(t, "65532:65532", c.User, "by number: Kubernetes sees that it is not root")
		case *instructions.HealthCheckCommand:
			require.Equal(t, []string{"CMD", "/tollgate", "health", "--address", "localhost:2019"}, []string(c.Health.Test), "without a shell")
		case *instructions.EntrypointCommand:
			require.False(t, c.PrependShell)
			require.Equal(t, []string{"/tollgate"}, []string(c.CmdLine))
		}
	}
	require.Equal(t, []string{"/etc/ssl/certs/ca-certificates.crt", "/tollgate", "/data"}, copied)
}

// TestCompose: every word is one of Compose's, and every file that it names is here or said to be the operator's.
func TestCompose(t *testing.T) {
	options, err := cli.NewProjectOptions([]string{folder + "compose.yaml"}, cli.WithName("tollgate"))
	require.NoError(t, err)
	project, err := options.LoadProject(t.Context())
	require.NoError(t, err)
	require.Len(t, project.Services, 4)
	gateway := project.Services["tollgate"]
	require.Equal(t, 2, *gateway.Deploy.Replicas)
	require.True(t, gateway.ReadOnly)
	require.FileExists(t, filepath.Join(gateway.Build.Context, gateway.Build.Dockerfile))
	for _, service := range project.Services {
		for _, volume := range service.Volumes {
			if volume.Type == "bind" {
				_, err := os.Stat(volume.Source)
				require.NoError(t, err)
			}
		}
		for _, secret := range service.Secrets {
			require.Contains(t, project.Secrets, secret.Source)
		}
	}
	require.NotContains(t, project.Services["postgres"].Environment, "POSTGRES_USER", "the gateways' account is no superuser: postgres.sql makes it")
	for name, value := range gateway.Environment {
		require.NotContains(t, *value, "password", name)
	}
}

// TestKubernetes: every word is one of the API's, and what names another object finds it.
func TestKubernetes(t *testing.T) {
	text, err := os.ReadFile(folder + "kubernetes.yaml")
	require.NoError(t, err)
	var deployment appsv1.Deployment
	var config corev1.ConfigMap
	var budget policyv1.PodDisruptionBudget
	var service corev1.Service
	kinds := map[string]any{"Deployment": &deployment, "ConfigMap": &config, "PodDisruptionBudget": &budget, "Service": &service}
	for document := range strings.SplitSeq(string(text), "\n---\n") {
		var typed struct{ Kind string }
		require.NoError(t, strict.Unmarshal([]byte(document), &typed))
		require.Contains(t, kinds, typed.Kind)
		require.NoError(t, strict.UnmarshalStrict([]byte(document), kinds[typed.Kind]), typed.Kind)
		delete(kinds, typed.Kind)
	}
	require.Empty(t, kinds)

	pod := deployment.Spec.Template
	labels := pod.Labels
	require.EqualValues(t, 2, *deployment.Spec.Replicas)
	require.Equal(t, labels, deployment.Spec.Selector.MatchLabels)
	require.Equal(t, labels, budget.Spec.Selector.MatchLabels)
	require.Equal(t, labels, service.Spec.Selector)
	container := pod.Spec.Containers[0]
	require.Equal(t, config.Name, container.EnvFrom[0].ConfigMapRef.Name)
	require.Equal(t, container.Ports[0].Name, service.Spec.Ports[0].TargetPort.String())
	mounted := map[string]string{}
	for _, mount := range container.VolumeMounts {
		mounted[mount.Name] = mount.MountPath
	}
	for _, volume := range pod.Spec.Volumes {
		require.Contains(t, mounted, volume.Name)
	}
	require.Len(t, mounted, len(pod.Spec.Volumes))
	for _, path := range []string{config.Data["TOLLGATE_SECRETS"], config.Data["TOLLGATE_POLICIES"]} {
		require.Contains(t, mounted["backend"]+" "+mounted["policies"], path)
	}
	for word := range strings.FieldsSeq(config.Data["TOLLGATE_TLS"]) {
		require.True(t, strings.HasPrefix(word, mounted["tls"]+"/"), word)
	}
	require.Greater(t, *pod.Spec.TerminationGracePeriodSeconds, container.Lifecycle.PreStop.Sleep.Seconds+30, "longer than preStop and grace_period")

	// What the restricted Pod Security Standard asks for.
	require.True(t, *pod.Spec.SecurityContext.RunAsNonRoot)
	require.Equal(t, corev1.SeccompProfileTypeRuntimeDefault, pod.Spec.SecurityContext.SeccompProfile.Type)
	require.False(t, *container.SecurityContext.AllowPrivilegeEscalation)
	require.True(t, *container.SecurityContext.ReadOnlyRootFilesystem)
	require.Equal(t, []corev1.Capability{"ALL"}, container.SecurityContext.Capabilities.Drop)
}
