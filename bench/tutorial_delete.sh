# The tutorial's objects taken away again, waiting as `pulumi destroy` does.
set -eu
kubectl delete pod/lmsia-private-test secret/regcred deployment/lmsia-docker-registry-deployment \
  configmap/lmsia-docker-registry --cascade=foreground --wait
rm -r /etc/containerd/certs.d/192.168.99.100:5000
