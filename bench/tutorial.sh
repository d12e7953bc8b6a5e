# The tutorial's own steps, typed without a pause: no accounts, no probes. Its end is a Pod that pulled the image.
set -eu
# As `minikube start --insecure-registry` has done before.
mkdir -p /etc/containerd/certs.d/192.168.99.100:5000
printf 'server = "http://192.168.99.100:5000"\n[host]\n' > /etc/containerd/certs.d/192.168.99.100:5000/hosts.toml
mkdir -p /data/registry
chmod -R 777 /data/registry
kubectl apply --filename - <<Y
apiVersion: apps/v1
kind: Deployment
metadata: {name: lmsia-docker-registry-deployment}
spec:
  selector: {matchLabels: {app: lmsia-docker-registry}}
  replicas: 1
  template:
    metadata: {labels: {app: lmsia-docker-registry}}
    spec:
      nodeSelector: {kubernetes.io/hostname: minikube}
      containers:
      - name: lmsia-docker-registry-ct
        image: registry:3.1.2
        command: [registry, serve, /etc/registry/config.yml]
        ports: [{containerPort: 5000, hostPort: 5000}]
        volumeMounts:
        - {mountPath: /etc/registry, name: config}
        - {mountPath: /var/lib/registry, name: volume, subPath: registry}
      volumes:
      - {name: volume, hostPath: {path: /data/registry/}}
      - {name: config, configMap: {name: lmsia-docker-registry}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: lmsia-docker-registry}
data:
  config.yml: '{"version": "0.1", "storage": {"filesystem": {"rootdirectory": "/var/lib/registry"}, "delete": {"enabled": true}}, "http": {"addr": ":5000"}}'
Y
kubectl rollout status deployment/lmsia-docker-registry-deployment
echo pass | docker login localhost:5000 --username test --password-stdin
docker build --tag alpine_test test-image
docker tag alpine_test localhost:5000/alpine_test:test_1.0
docker push localhost:5000/alpine_test:test_1.0
kubectl create secret docker-registry regcred --docker-server=192.168.99.100:5000 --docker-username=test --docker-password=pass
kubectl apply --filename - <<Y
apiVersion: v1
kind: Pod
metadata: {name: lmsia-private-test}
spec:
  containers:
  - {name: lmsia-private-test, image: "192.168.99.100:5000/alpine_test:test_1.0", imagePullPolicy: Always}
  imagePullSecrets: [{name: regcred}]
Y
kubectl wait --for=condition=Ready pod/lmsia-private-test --timeout=60s
